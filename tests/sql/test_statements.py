"""Scripts are split where the Snowflake CLI splits them, so that tests and the laptop run what the CLI runs."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake.connector.util_text import split_statements

from bridge.deploy.statements import statements
from tests.sql.every_script import rendered

_WORDS = st.sampled_from(
    [
        "SELECT",
        "a",
        "1 - 2",
        "8 / 2",
        "'it''s; -- no end'",
        "'\\'; '",
        "''",
        '"odd;name"',
        "$$ x; -- y '\n$$",
        "$1",
        "(",
        ")",
    ]
)
_COMMENTS = st.sampled_from(["-- it's a; comment\n", "// another;\n", "/* one;\n two */", "\n"])
_STATEMENTS = st.lists(
    st.lists(st.one_of(_WORDS, _COMMENTS), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=4
)


def by_the_connector(script: str) -> list[str]:
    """As the CLI does it: with the splitter of Snowflake's connector, comments removed."""
    found = (text for text, _ in split_statements(io.StringIO(script), remove_comments=True))
    return [text.removesuffix(";").strip() for text in found if text.removesuffix(";").strip()]


def flat(texts: list[str]) -> list[str]:
    """Where a comment was, one of them leaves a space, the other a line's end."""
    return [" ".join(text.split()) for text in texts]


@pytest.mark.parametrize("name", list(rendered()))
def test_each_script_is_split_as_by_the_snowflake_cli(name: str) -> None:
    script = rendered()[name]

    assert flat(list(statements(script))) == flat(by_the_connector(script))


@given(_STATEMENTS)
def test_any_script_is_split_as_by_the_snowflake_cli(parts: list[str]) -> None:
    script = "\n;\n".join(parts) + "\n;\n"

    assert flat(list(statements(script))) == flat(by_the_connector(script))


def test_comments_go_but_not_those_within_a_body() -> None:
    script = "-- why\nCREATE PROCEDURE P() AS $$\n# kept; -- and this\n$$; // end\nSELECT 1 /* one */;"

    assert list(statements(script)) == ["CREATE PROCEDURE P() AS $$\n# kept; -- and this\n$$", "SELECT 1"]
