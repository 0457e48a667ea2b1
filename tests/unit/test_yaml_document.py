"""YAML without its surprises: what text stands for, where it stands, and what is refused."""

from decimal import Decimal

import pytest

from bridge.adapters.files.yaml_document import UnreadableError, read_document


def problems(text: str) -> list[str]:
    return [problem.shown("f.yaml") for problem in read_document(text).problems]


def unreadable(text: str) -> str:
    with pytest.raises(UnreadableError) as error:
        read_document(text)
    return error.value.problem.shown("f.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("0", 0),
        ("12345678901234567890123456789012345678", 12345678901234567890123456789012345678),
        ("0.1", Decimal("0.1")),
        ("1e-3", Decimal("0.001")),
        (".5", Decimal("0.5")),
        ("true", True),
        ("False", False),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        (".nan", ".nan"),
        ("1e99999", "1e99999"),
        ("9" * 5000, "9" * 5000),
        ("2026-11-01", "2026-11-01"),
        ('"5"', "5"),
        ("'true'", "true"),
        ("|\n  5", "5"),
        ("[a, 5]", ["a", 5]),
        ("{a: {b: c}}", {"a": {"b": "c"}}),
        ("{5: a, true: b}", {"5": "a", "true": "b"}),
    ],
)
def test_text_stands_for_what_it_looks_like(text: str, value: object) -> None:
    document = read_document(text)

    assert document.data == value
    assert type(document.data) is type(value)
    assert not document.problems


def test_every_place_knows_its_line() -> None:
    document = read_document("a: 1\nb:\n  - x\n  -\n    c: 2\n\nd: {e: 3}\n")

    assert [document.line(path) for path in [("a",), ("b",), ("b", 0), ("b", 1, "c"), ("d", "e")]] == [1, 2, 3, 5, 7]
    assert document.line(("b", 1, "missing")) == 5
    assert document.line(()) == 1


def test_anchors_and_merges_are_resolved_and_own_keys_win() -> None:
    document = read_document(
        "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: *a, x: 3}\nd: {x: 4, <<: [*a, *b]}\ne: *a\n"
    )

    assert document.data["c"] == {"x": 3, "y": 1}
    assert document.data["d"] == {"x": 4, "y": 1, "z": 2}
    assert document.data["e"] == {"x": 1, "y": 1}
    assert not document.problems


def test_a_key_given_twice_is_a_problem_and_the_first_counts() -> None:
    text = "a:\n  b: 1\n  c: 2\n  b: 3\n"

    assert problems(text) == ["f.yaml:4: a.b: is given twice, first on line 2: keep one"]
    assert read_document(text).data == {"a": {"b": 1, "c": 2}}


def test_a_key_without_a_value_is_a_problem() -> None:
    assert problems("a:\nb: [1, null]\nc: ~\n") == [
        "f.yaml:1: a: has no value: give one or leave it out",
        "f.yaml:2: b[1]: has no value: give one or leave it out",
        "f.yaml:3: c: has no value: give one or leave it out",
    ]


def test_tags_and_odd_merges_are_problems() -> None:
    assert problems("a: !!python/name:os.system x\n<<: 5\n") == [
        "f.yaml:1: a: tags such as tag:yaml.org,2002:python/name:os.system have no meaning: remove it",
        "f.yaml:2: <<: merges mappings only, such as <<: *name",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: [1\nc: 2\n", "f.yaml:3: is not YAML at column 2: "),
        ("a:\n\tb: 1\n", "f.yaml:2: is not YAML at column 1: "),
        ('a: 1\nb: "x\n', "f.yaml:3: is not YAML at column 1: found unexpected end of stream"),
        ("a: b: c\n", "f.yaml:1: is not YAML at column 5: mapping values are not allowed "),
        ("a: 1\nb: \x07\n", "f.yaml:2: has the control character U+0007: remove it"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: a second document starts here: keep one"),
        ("a: 1\nb: *c\n", "f.yaml:2: b: there is no anchor &c: anchors are written before their aliases"),
        ("a: &a [*a]\n", "f.yaml:1: a[0]: there is no anchor &a: anchors are written before their aliases"),
        ("? [a]\n: b\n", "f.yaml:1: a key must be text"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, problem: str) -> None:
    assert unreadable(text).startswith(problem)


def test_a_tab_is_told_apart_from_other_mistakes() -> None:
    assert unreadable("a:\n\tb: 1\n").endswith("the line has a tab: indent with spaces")


def test_an_open_bracket_is_told_with_the_line_where_it_opened() -> None:
    assert unreadable("a: 1\nb: [1\nc: 2\n").endswith("while parsing a flow sequence that starts on line 2")


@pytest.mark.parametrize("text", ["[" * 400_000, "{a: " * 200_000, "- " * 300_000])
def test_deep_nesting_is_refused_at_once(text: str) -> None:
    assert unreadable(text).endswith("is nested more than 20 deep")


def test_aliases_cannot_multiply_without_end() -> None:
    level = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))

    assert unreadable(f"a0: &a0 [x]\n{level}").endswith("has more than 200000 values")
    assert unreadable(f"a: &a x\nb: [{'*a, ' * 101}]\n").endswith("has more than 100 aliases: write the values out")


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "~"])
def test_a_document_with_nothing_in_it_is_none(text: str) -> None:
    assert read_document(text).data is None
