"""A request's inputs as a whole: everything that is wrong with them at once, or all of them, defaults included."""

from decimal import Decimal

import pytest

from bridge.domain.inputs import InputSpec, InputType, Violation, closest
from bridge.domain.pipelines import Catalogue, Pipeline, inputs_schema

SPECS = (
    InputSpec(name="as_of", type=InputType.DATE, required=True),
    InputSpec(name="rows", type=InputType.INTEGER, default=1000, minimum=0),
    InputSpec(name="rate", type=InputType.NUMBER, default=Decimal("0.1")),
    InputSpec(name="dry", type=InputType.BOOLEAN, default=False),
    InputSpec(name="table", type=InputType.STRING, pattern="[A-Z]+"),
    InputSpec(name="segment", type=InputType.STRING, enum=("all", "new"), default="all"),
)
PIPELINE = Pipeline(
    name="churn-training", component="azureml:churn_training:3", experiment="churn", inputs={s.name: s for s in SPECS}
)
CATALOGUE = Catalogue([PIPELINE, Pipeline(name="bare", component="azureml:bare:1", experiment="bare")])


def violations(inputs: object, pipeline: Pipeline = PIPELINE) -> list[Violation]:
    """Of whatever a caller sends."""
    found = CATALOGUE.check(pipeline, inputs)  # type: ignore[arg-type]
    assert isinstance(found, list)
    return found


def test_defaults_are_filled_in_and_what_has_none_stays_out() -> None:
    checked = CATALOGUE.check(PIPELINE, {"as_of": "2026-11-01", "rows": 5})

    assert checked == {"as_of": "2026-11-01", "rows": 5, "rate": Decimal("0.1"), "dry": False, "segment": "all"}


def test_all_violations_are_told_at_once() -> None:
    found = violations({"rows": "5", "rate": None, "dry": "yes", "segment": "old", "color": 1})

    assert [(one.code, one.field) for one in found] == [
        ("UNKNOWN_INPUT", "color"),
        ("MISSING_INPUT", "as_of"),
        ("WRONG_TYPE", "rows"),
        ("WRONG_TYPE", "dry"),
        ("NOT_ALLOWED_VALUE", "segment"),
    ]
    assert found[2].message == 'input "rows" is "5": write 5 without quotes'


def test_a_missing_input_is_asked_for_with_an_example() -> None:
    assert violations({}) == [
        Violation(
            code="MISSING_INPUT",
            message='input "as_of" is missing: give a date such as "2026-11-01"',
            field="as_of",
        )
    ]


def test_null_counts_as_left_out_unless_the_input_is_required() -> None:
    assert CATALOGUE.check(PIPELINE, {"as_of": "2026-11-01", "rows": None, "table": None}) == CATALOGUE.check(
        PIPELINE, {"as_of": "2026-11-01"}
    )
    assert violations({"as_of": None})[0].code == "NULL_INPUT"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("as_off", 'did you mean "as_of"?'),
        ("AS_OF", 'did you mean "as_of"?'),
        ("colour", "churn-training takes as_of, rows, rate, dry, table, segment"),
        ("x" * 1000, "churn-training takes as_of, rows, rate, dry, table, segment"),
    ],
)
def test_an_unknown_input_is_refused_with_what_was_meant(name: str, hint: str) -> None:
    found = violations({"as_of": "2026-11-01", name: 1})

    assert [one.code for one in found] == ["UNKNOWN_INPUT"]
    assert found[0].message.endswith(f"is not known: {hint}")
    assert len(found[0].field or "") <= 100


def test_a_pipeline_without_inputs_takes_none() -> None:
    bare = CATALOGUE.find("bare")
    assert bare

    assert CATALOGUE.check(bare, {}) == {}
    assert CATALOGUE.check(bare, None) == {}
    assert violations({"a": 1}, bare)[0].message == 'input "a" is not known: bare takes no inputs'


@pytest.mark.parametrize("inputs", [[], "as_of", 5, False])
def test_inputs_that_are_no_object_are_refused(inputs: object) -> None:
    found = violations(inputs)

    assert [(one.code, one.field) for one in found] == [("WRONG_TYPE", "inputs")]


def test_more_inputs_than_any_pipeline_has_are_refused_unread() -> None:
    assert [one.code for one in violations({f"a{n}": n for n in range(201)})] == ["TOO_MANY_INPUTS"]
    assert len(violations({f"a{n}": n for n in range(200)})) == 201


def test_a_message_with_a_hostile_name_is_printable() -> None:
    found = violations({"as_of": "2026-11-01", "\ud800\x1b[2J": 1})

    assert found[0].message.isprintable()
    assert (found[0].field or "").isprintable()


def test_what_was_meant_is_found_in_any_case() -> None:
    assert closest("AS_OF", ["As_Of", "Rows"]) == "As_Of"
    assert closest("as_of", ["AS_OF", "ROWS"]) == "AS_OF"
    assert closest("nothing", ["AS_OF"]) is None


def test_pipelines_are_found_by_name_and_suggested() -> None:
    assert CATALOGUE.names() == ["churn-training", "bare"]
    assert CATALOGUE.find("churn-training") is PIPELINE
    assert CATALOGUE.find("churn_training") is None
    assert CATALOGUE.suggest("churn_training") == "churn-training"
    assert CATALOGUE.suggest("sales") is None
    assert CATALOGUE.unknown("churn_training").message == (
        'pipeline "churn_training" does not exist: did you mean "churn-training"?'
    )
    assert "GET /pipelines" in CATALOGUE.unknown("sales").message


def test_a_component_tells_its_name_and_version() -> None:
    assert (PIPELINE.component_name, PIPELINE.component_version) == ("churn_training", "3")


def test_the_schema_of_the_inputs_says_what_check_takes() -> None:
    schema = inputs_schema(PIPELINE)

    assert schema["required"] == ["as_of"]
    assert schema["additionalProperties"] is False
    assert schema["properties"] == {
        "as_of": {"type": "string", "format": "date"},
        "rows": {"type": ["integer", "null"], "default": 1000, "minimum": 0},
        "rate": {"type": ["number", "null"], "default": 0.1},
        "dry": {"type": ["boolean", "null"], "default": False},
        "table": {"type": ["string", "null"], "pattern": "^(?:[A-Z]+)$", "maxLength": 4000},
        "segment": {"type": ["string", "null"], "default": "all", "enum": ["all", "new", None], "maxLength": 4000},
    }


def test_the_schema_leaves_out_what_only_python_understands() -> None:
    spec = InputSpec(name="a", type=InputType.STRING, required=True, pattern="(?>a|b)+")
    day = InputSpec(name="b", type=InputType.DATE, required=True, minimum="2026-01-01")
    pipeline = Pipeline(name="p", component="azureml:p:1", experiment="p", inputs={"a": spec, "b": day})

    assert inputs_schema(pipeline)["properties"] == {
        "a": {"type": "string", "maxLength": 4000},
        "b": {"type": "string", "format": "date"},
    }
