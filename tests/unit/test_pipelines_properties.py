"""What holds for every request and every file, however odd."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.adapters.files.pipelines_file import parse_catalogue
from bridge.adapters.files.pipelines_inputs import InputEntry, read_input
from bridge.domain.errors import ConfigurationError
from bridge.domain.inputs import InputSpec, InputType, aml_literal
from bridge.domain.pipelines import Catalogue, Pipeline

SPECS = [
    *(InputSpec(name=kind, type=kind) for kind in InputType),
    *(InputSpec(name=f"required_{kind}", type=kind, required=True) for kind in InputType),
    InputSpec(name="bounded", type=InputType.NUMBER, minimum=Decimal("-0.5"), maximum=10, default=1),
    InputSpec(name="matched", type=InputType.STRING, pattern="[a-z]*", enum=("", "a"), max_length=5),
]
PIPELINE = Pipeline(name="p", component="azureml:p:1", experiment="p", inputs={spec.name: spec for spec in SPECS})
CATALOGUE = Catalogue([PIPELINE])

text = st.text(st.characters(), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | text
    | st.dates().map(str)
    | st.datetimes(timezones=st.timezones()).map(str)
    | st.sampled_from(["azureml://a", "https://a", "5", "true", Decimal("1E+9999999"), 10**2000])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=5
)
requests = st.dictionaries(st.sampled_from([spec.name for spec in SPECS]) | text, values, max_size=20)
everything: Any = requests | values

KEYS = ["version", "pipelines", "target", "kind", "component", "inputs", "type", "default", "enum", "min", "pattern"]
KEYS += ["required", "timeout", "tags", "allow", "principals", "roles"]
WORDS = [*KEYS, "aml_pipeline", "azureml:a:1", "string", "integer", "date", "1", "true", "p", "x", "~", "<<", "é"]
SIGNS = [*":-{}[],&*!|>'\"#%@? \t\n", ": ", "\n  ", "\n    ", "  "]
near_yaml = st.lists(st.sampled_from([*WORDS, *SIGNS]), max_size=60).map("".join)


@settings(deadline=None, max_examples=100)
@given(everything)
def test_any_inputs_are_either_checked_or_refused_in_plain_words(inputs: Any) -> None:
    found = CATALOGUE.check(PIPELINE, inputs)

    if isinstance(found, list):
        assert found
        assert all(one.message.isprintable() and len(one.field or "") <= 100 for one in found)
    else:
        assert {type(value) for value in found.values()} <= {str, int, bool, Decimal}


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(InputType), scalars)
def test_a_checked_value_is_checked_again_unchanged(kind: InputType, value: Any) -> None:
    pipeline = Pipeline(name="p", component="azureml:p:1", experiment="p", inputs={"x": InputSpec(name="x", type=kind)})
    once = CATALOGUE.check(pipeline, {"x": value})

    if isinstance(once, dict):
        again = CATALOGUE.check(pipeline, once)
        assert again == once
        assert repr(again) == repr(once)
        assert all(
            aml_literal(checked).isascii() or kind is InputType.STRING or "://" in str(checked)
            for checked in once.values()
        )


@settings(deadline=None)
@given(st.integers(min_value=-(10**999), max_value=10**999))
def test_a_whole_number_survives_as_a_literal(number: int) -> None:
    for kind in (InputType.INTEGER, InputType.NUMBER):
        checked = InputSpec(name="x", type=kind).accept(number)
        assert int(aml_literal(checked)) == number
        assert InputSpec(name="x", type=kind).accept(Decimal(number)) == number


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_survives_as_a_literal(number: float) -> None:
    literal = aml_literal(InputSpec(name="x", type=InputType.NUMBER).accept(number))

    assert float(literal) == number
    assert "e" not in literal.lower()


@settings(deadline=None)
@given(st.datetimes(timezones=st.timezones()), st.datetimes(timezones=st.timezones()))
def test_timestamps_sort_as_their_text_does(one: Any, other: Any) -> None:
    spec = InputSpec(name="x", type=InputType.TIMESTAMP)
    try:
        first, second = (str(spec.accept(moment.isoformat(timespec="microseconds"))) for moment in (one, other))
    except ValueError:
        return  # an offset with seconds, or a time outside the calendar in UTC

    assert (first < second) == (one < other)
    assert (first == second) == (one == other)


def problems(content: bytes) -> tuple[str, ...]:
    """Of a file with this content; anything but a ConfigurationError fails the test."""
    try:
        parse_catalogue(content, "p.yaml", workspaces=frozenset())
    except ConfigurationError as error:
        return error.problems
    return ()


@settings(deadline=None, max_examples=100)
@given(near_yaml | st.text(max_size=50))
def test_any_text_is_a_catalogue_or_a_list_of_problems(text: str) -> None:
    assert all(one.startswith("p.yaml:") for one in problems(text.encode("utf-8", "surrogatepass")))


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_a_catalogue_or_a_list_of_problems(content: bytes) -> None:
    assert all(one.startswith("p.yaml:") for one in problems(content))


shapes = st.recursive(
    st.none() | st.booleans() | text | st.sampled_from(WORDS) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None, max_examples=200)
@given(shapes, shapes, shapes, shapes)
def test_any_shape_in_any_place_is_a_catalogue_or_a_list_of_problems(
    target: Any, allow: Any, tags: Any, inputs: Any
) -> None:
    entry = {
        "target": target,
        "allow": allow,
        "tags": tags,
        "inputs": {"x": inputs, "y": {"type": "date", "min": inputs}},
    }

    content = json.dumps({"version": 1, "pipelines": {"p": entry}})

    assert all(one.startswith("p.yaml:1: ") for one in problems(content.encode()))


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(InputType), scalars, scalars, scalars)
def test_a_default_that_the_file_may_have_is_one_that_a_caller_may_give(
    kind: InputType, low: Any, enum: Any, default: Any
) -> None:
    facts = {"type": kind, "min": low, "enum": [enum], "default": default}
    given_facts = {key: value for key, value in facts.items() if value not in (None, [None])}
    try:
        entry = InputEntry.model_validate(given_facts)
    except ValidationError:
        return
    spec, findings = read_input("x", entry)

    assert not findings
    assert spec.default is None or spec.accept(default) == spec.default == spec.accept(spec.default)
