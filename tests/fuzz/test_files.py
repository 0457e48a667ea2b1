"""The two files that a user edits, as bad as a file can be: a list of problems with lines, in little work."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.adapters.files import yaml_document
from bridge.adapters.files.pipelines_file import parse_catalogue
from bridge.adapters.files.rules_file import parse_rules
from bridge.adapters.files.yaml_document import UnreadableError, read_document
from bridge.domain.errors import ConfigurationError
from bridge.domain.inputs import InputSpec
from bridge.domain.pipelines import inputs_schema
from bridge.payloads import lossless
from tests.unit.rule_files import SURROUNDINGS

often = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
#: Longest line of a problem: the file, the line, a place of at most six names, and a sentence.
PROBLEM_LIMIT = 2_000


def catalogue(content: bytes) -> Any:
    return parse_catalogue(content, "f.yaml", workspaces=frozenset({"ws1"}))


def rules(content: bytes) -> Any:
    return parse_rules(content, "f.yaml", SURROUNDINGS)


READERS: list[Callable[[bytes], Any]] = [catalogue, rules]


def problems(read: Callable[[bytes], Any], content: bytes | str) -> tuple[str, ...]:
    """Of a file with this content; anything but a ConfigurationError fails the test."""
    try:
        read(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    except ConfigurationError as error:
        return error.problems
    return ()


def assert_plain(found: tuple[str, ...]) -> None:
    assert all(one.startswith("f.yaml:") for one in found)
    assert all(len(one) < PROBLEM_LIMIT for one in found)


KEYS = (
    *(
        "version",
        "pipelines",
        "rules",
        "target",
        "kind",
        "component",
        "inputs",
        "type",
        "default",
        "enum",
        "min",
        "max",
    ),
    *("pattern", "required", "timeout", "tags", "allow", "on", "where", "do", "submit", "notify", "cool_down", "key"),
    *("equals", "in", "prefix", "pipeline", "channel", "publish", "deploy", "dry_run", "description", "max_length"),
)
VALUES = (
    *(
        "1",
        "aml_pipeline",
        "azureml:a:1",
        "string",
        "integer",
        "date",
        "timestamp",
        "number",
        "true",
        "~",
        "<<",
        "é",
        "*a",
    ),
    *("&a", "!!python/object:os.system", "!x", "9" * 1001, "1e9999", "-1e-9999", "0x10", "0o7", "1:30", "9999-99-99"),
    *(
        "2026-11-01",
        ".inf",
        ".nan",
        "1h",
        "99999d",
        "'x'",
        '"\\ud800"',
        '"\\0"',
        '"\\x07"',
        "|\n  x",
        ">-\n  x",
        "? x",
        "@",
        "`",
    ),
    *(
        "{}",
        "[]",
        "{a: b}",
        "[*a]",
        "{<<: *a}",
        "%TAG ! tag:x,2026:\n---\n",
        "...\n",
        "---\n",
        "\t",
        "\ufeff",
        "\u2028",
        "\x85",
    ),
)
SIGNS = (*":-{}[],&*!|>'\"#%@? \n", ": ", "\n  ", "\n    ", "\n      ", "  - ", ", ")
near_yaml = st.lists(st.sampled_from([*KEYS, *VALUES, *SIGNS]), max_size=60).map("".join)


@pytest.mark.parametrize("read", READERS)
@given(content=near_yaml | st.text(max_size=50) | st.binary(max_size=60))
@often
def test_any_content_is_a_file_or_a_list_of_problems(read: Callable[[bytes], Any], content: str | bytes) -> None:
    assert_plain(problems(read, content))


shapes = st.recursive(
    st.sampled_from(VALUES[:14]) | st.integers() | st.text("ab\u2028\x00'\"", max_size=4).map(repr),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(map(str, items))}]"),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=4).map(
            lambda items: "{" + ", ".join(f"{name}: {value}" for name, value in items.items()) + "}"
        ),
    ),
    max_leaves=12,
)
PIPELINE = (
    "version: 1\npipelines:\n  p:\n    target: {{kind: aml_pipeline, component: 'azureml:a:1'}}\n    {key}: {value}\n"
)
RULE = "version: 1\nrules:\n  r:\n    on: Team.Done\n    do: {{notify: {{channel: ops}}}}\n    {key}: {value}\n"


@given(key=st.sampled_from(KEYS), value=shapes)
@often
def test_any_shape_in_any_place_is_a_file_or_a_list_of_problems(key: str, value: Any) -> None:
    assert_plain(problems(catalogue, PIPELINE.format(key=key, value=value)))
    assert_plain(problems(rules, RULE.format(key=key, value=value)))


NUMBERS = (
    "1e9999",
    "-1e9999",
    "1e-9999",
    "9" * 1000,
    "0." + "9" * 900,
    "1e400",
    "9999-99-99",
    "2026-02-30",
    "0001-01-01",
)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("kind", ["integer", "number", "date", "timestamp", "string", "boolean"])
@pytest.mark.parametrize("key", ["default", "min", "max", "enum"])
def test_a_number_that_the_file_may_have_can_be_shown_to_callers(kind: str, key: str, number: str) -> None:
    value = f"[{number}]" if key == "enum" else number
    content = PIPELINE.format(key="inputs", value=f"{{x: {{type: {kind}, {key}: {value}}}}}").encode()
    try:
        found = catalogue(content)
    except ConfigurationError as error:
        assert_plain(error.problems)
    else:
        text = lossless.dumps(inputs_schema(found.find("p")))
        assert lossless.loads(text)


# bombs: what makes a reader work or remember more than the file is long


def test_a_merge_that_is_given_again_and_again_is_merged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each copied all that had been merged before: a megabyte of them took minutes."""
    merged: list[int] = []
    mergeable = yaml_document._Reader.mergeable

    def counted(self: Any, *given: Any) -> Any:
        merged.append(1)
        return mergeable(self, *given)

    monkeypatch.setattr(yaml_document._Reader, "mergeable", counted)

    document = read_document("{" + ", ".join(f"<<: {{a{number}: 1}}" for number in range(2_000)) + "}")

    assert len(merged) == 1
    assert document.data == {"a0": 1}
    assert len(document.problems) == 1_999


def test_the_values_of_a_list_are_not_compared_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of `enum`: a file of a megabyte has room for two hundred lists of a thousand."""
    compared: list[int] = []

    class Counted(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            compared.append(1)
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    accept = InputSpec.accept
    monkeypatch.setattr(InputSpec, "accept", lambda self, value: Counted(accept(self, value)))
    names = ", ".join(f"v{number}" for number in range(1_000))

    catalogue(PIPELINE.format(key="inputs", value=f"{{x: {{type: string, enum: [{names}]}}}}").encode())

    assert len(compared) < 10_000


def test_a_long_key_is_not_repeated_for_each_of_its_problems() -> None:
    content = f'version: 1\npipelines:\n  ? "{"k" * 100_000}"\n  : {{{", ".join(f"a{n}: " for n in range(2_000))}}}\n'

    found = problems(catalogue, content)

    assert len(found) > 2_000
    assert sum(map(len, found)) < 600 * len(found)


def test_a_long_tag_is_not_repeated_for_each_of_its_uses() -> None:
    content = f"%TAG ! tag:{'x' * 100_000}\n---\n[{', '.join(['!a b'] * 2_000)}]\n"

    assert problems(catalogue, content) == ("f.yaml:1: tags have no meaning here: remove the directive %TAG",)
    (found, *_) = problems(catalogue, f"a: !<tag:{'x' * 900}> b\n")
    assert len(found) < 300


@pytest.mark.parametrize(
    "content",
    [
        "[" * 400_000,
        "{a: " * 200_000,
        "? " * 300_000,
        "- " * 300_000,
        "a: &a [" + "*a, " * 200_000,
        "&a " * 200_000,
        "!!x " * 200_000,
        "a: |\n" + " x\n" * 200_000,
        "'" * 900_001,
        "#" * 900_000,
        "\n" * 900_000,
        "---\n" * 200_000,
        "%YAML 1.1\n" * 90_000,
        "a: " + "9" * 900_000,
        "a: 1e" + "9" * 900_000,
        "version: " + "9" * 1000,
        "a: " + "-" * 900_000,
        "b" * 900_000 + ": 1",
        "".join(f"a{number}: &a{number} [*a{max(number - 1, 0)}, *a{max(number - 1, 0)}]\n" for number in range(200)),
    ],
    ids=lambda content: f"{content[:12]!r} of {len(content)}",
)
def test_a_bomb_is_a_short_list_of_problems(content: str) -> None:
    for read in READERS:
        found = problems(read, content)
        assert found
        assert_plain(found)


def test_aliases_multiply_to_a_limit_and_not_beyond() -> None:
    with pytest.raises(UnreadableError, match="more than 200000 values"):
        read_document("a: &a [" + "x, " * 20_000 + "]\nb: [" + "*a, " * 90 + "]\n")


def test_numbers_stay_exact_and_long_ones_stay_text() -> None:
    assert read_document("1e9999").data == Decimal("1e9999")
    assert read_document("9" * 1000).data == int("9" * 1000)
    assert read_document("9" * 1001).data == "9" * 1001
