"""The file as a whole: what a good one becomes, and every problem of a bad one."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.adapters.files.pipelines_file import load_catalogue, parse_catalogue
from bridge.domain.callers import CallerIdentity
from bridge.domain.errors import ConfigurationError
from bridge.domain.inputs import InputSpec, InputType
from bridge.domain.pipelines import Allow, Pipeline

GOOD = """\
version: 1
pipelines:
  churn-training:
    description: Train.
    target: {kind: aml_pipeline, component: "azureml:churn_training:3", workspace: ws1, compute: cpu}
    experiment: churn
    timeout: 6h
    max_active_runs: 4
    tags: {team: growth}
    allow: {principals: [key, "event:custom"], roles: [ML_TEAM]}
    inputs:
      as_of: {type: date, required: true, description: Day.}
      rate: {type: number, default: 1e-1, min: 0, max: 1.50}
      table: {type: string, pattern: "[A-Z]+", enum: [A, B], default: A}
"""


def found(text: str, workspaces: frozenset[str] | None = None) -> list[str]:
    """The problems of a file, without its name."""
    with pytest.raises(ConfigurationError) as error:
        parse_catalogue(text.encode(), "p.yaml", workspaces=workspaces)
    return [problem.removeprefix("p.yaml:") for problem in error.value.problems]


def pipeline(lines: str) -> str:
    """A file with one pipeline, whose further keys start at line 5."""
    return f"version: 1\npipelines:\n  p:\n    target: {{kind: aml_pipeline, component: 'azureml:p:1'}}\n    {lines}\n"


def test_a_file_becomes_the_catalogue() -> None:
    catalogue = parse_catalogue(GOOD.encode(), "p.yaml", workspaces=frozenset({"ws1"}))

    assert catalogue.find("churn-training") == Pipeline(
        name="churn-training",
        description="Train.",
        component="azureml:churn_training:3",
        workspace="ws1",
        compute="cpu",
        experiment="churn",
        timeout=timedelta(hours=6),
        max_active_runs=4,
        tags={"team": "growth"},
        allow=Allow(principals=frozenset({"key", "event:custom"}), roles=frozenset({"ML_TEAM"})),
        inputs={
            "as_of": InputSpec(name="as_of", type=InputType.DATE, required=True, description="Day."),
            "rate": InputSpec(
                name="rate", type=InputType.NUMBER, default=Decimal("0.1"), minimum=0, maximum=Decimal("1.5")
            ),
            "table": InputSpec(
                name="table", type=InputType.STRING, pattern="[A-Z]+", enum=("A", "B"), default="A", max_length=256
            ),
        },
    )


def test_a_pipeline_needs_little() -> None:
    catalogue = parse_catalogue(pipeline("").encode(), "p.yaml", workspaces=frozenset())

    assert catalogue.find("p") == Pipeline(name="p", component="azureml:p:1", experiment="p")


def test_the_file_of_this_repository_has_the_pipelines_of_the_demo() -> None:
    catalogue = load_catalogue(Path(__file__).parents[2] / "pipelines.yaml", workspaces=frozenset())

    assert catalogue.names() == ["churn-training", "churn-retraining", "churn-scoring", "always-fails"]
    training = catalogue.find("churn-training")
    assert training
    assert catalogue.check(training, {"as_of": "2026-11-01"}) == {
        "as_of": "2026-11-01",
        "rows": 1000,
        "learning_rate": Decimal("0.1"),
        "dry": False,
        "note": "",
        "segment": "all",
    }
    for name in catalogue.names():
        found_pipeline = catalogue.find(name)
        assert found_pipeline
        doors = ("key", "rule:retrain-on-drift") if name == "churn-retraining" else ("key", "queue:run-commands")
        assert all(found_pipeline.allows(CallerIdentity(principal=door)) for door in doors)
        assert not found_pipeline.allows(CallerIdentity(principal="somebody"))


def test_every_problem_is_told_at_once_with_its_line() -> None:
    text = """\
version: 1
pipelines:
  one:
    target: {kind: data_factory, component: azureml:one}
    inputs:
      as_of: {type: dat}
      rows: {type: integer, default: "5", min: 10, max: 1}
      rows: {type: integer}
      note: {typ: string, default: b}
  two:
    experment: x
    timeout: 40d
  Three: {target: {kind: aml_pipeline, component: "azureml:three:1"}}
"""

    assert found(text) == [
        '4: pipelines.one.target.kind: "data_factory" is not supported yet: use aml_pipeline',
        '4: pipelines.one.target.component: "azureml:one" has no version: pin one, azureml:one:1',
        '6: pipelines.one.inputs.as_of.type: unknown type "dat": use one of string, integer, number, boolean, date, '
        "timestamp, uri_file, uri_folder; did you mean date?",
        "7: pipelines.one.inputs.rows.min: is 10 and above max, 1: swap them",
        '7: pipelines.one.inputs.rows.default: is "5": write 5 without quotes',
        "8: pipelines.one.inputs.rows: is given twice, first on line 7: keep one",
        "9: pipelines.one.inputs.note.type: is missing: add it (What values look like.)",
        "9: pipelines.one.inputs.note.typ: is not a key here: did you mean type?",
        "10: pipelines.two.target: is missing: add it (What a run starts: kind and component.)",
        "11: pipelines.two.experment: is not a key here: did you mean experiment?",
        '12: pipelines.two.timeout: is "40d": Azure ML ends a job after 30 days; give from 1m to 30d',
        '13: pipelines.Three: "Three" is not a name: use lower-case letters, digits and hyphens, at most 63, '
        "a letter first",
    ]


@pytest.mark.parametrize(
    ("component", "problem"),
    [
        ("azureml:churn", '"azureml:churn" has no version: pin one, azureml:churn:1'),
        ("churn", '"churn" has no version: pin one, azureml:churn:1'),
        ("churn:3", 'is "churn:3": write azureml:churn:3'),
        (
            "azureml:churn@latest",
            '"latest" moves, and a repeated request would run something else: pin it, azureml:churn:1',
        ),
        (
            "azureml:churn:latest",
            '"latest" moves, and a repeated request would run something else: pin it, azureml:churn:1',
        ),
        ("azureml:chu rn:1", 'is "azureml:chu rn:1": write azureml:NAME:VERSION'),
        ("azureml:churn:1:2", 'is "azureml:churn:1:2": write azureml:NAME:VERSION'),
        ("azureml://registries/r/components/c/versions/1", "components of a registry are not supported yet"),
    ],
)
def test_a_component_must_be_pinned(component: str, problem: str) -> None:
    text = f"version: 1\npipelines:\n  p:\n    target:\n      kind: aml_pipeline\n      component: '{component}'\n"

    assert [line[: len(problem) + 31] for line in found(text)] == [
        f"6: pipelines.p.target.component: {problem}"[: len(problem) + 31]
    ]


@pytest.mark.parametrize(
    ("written", "timeout"),
    [
        ("6h", timedelta(hours=6)),
        ("90m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("PT6H", timedelta(hours=6)),
        ("P1DT2H30M", timedelta(days=1, hours=2, minutes=30)),
        ("30d", timedelta(days=30)),
    ],
)
def test_a_timeout_is_written_briefly_or_in_iso_8601(written: str, timeout: timedelta) -> None:
    loaded = parse_catalogue(pipeline(f"timeout: {written}").encode(), "p.yaml", workspaces=None).find("p")

    assert loaded
    assert loaded.timeout == timeout


@pytest.mark.parametrize(
    "written", ["6", "6s", "h", "''", "P", "PT", "P1W", "6 hours", "-6h", "0m", "30d1m", "P31D", "[6h]"]
)
def test_another_timeout_is_refused(written: str) -> None:
    problems = found(pipeline(f"timeout: {written}"))

    assert len(problems) == 1
    assert problems[0].startswith("5: pipelines.p.timeout: is ")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "experiment: a b",
            '"a b" is not a name: use letters, digits, hyphens and underscores, a letter or digit first',
        ),
        ("max_active_runs: 0", "is 0: it must be at least 1"),
        ("max_active_runs: 1001", "is 1001: it must be at most 1000"),
        ("max_active_runs: many", 'is "many": give a whole number such as 4'),
        ("component: azureml:p:1", "is not a key here: it belongs under target"),
        ("roles: [A]", "is not a key here: it belongs under allow"),
        ("description: 5", 'is 5: put it in quotes, "5"'),
        ("allow: {}", "names nobody: add principals or roles, or leave allow out to let every HTTP caller in"),
        ("allow: key", 'is "key": give keys with values'),
        ("inputs: []", "is a list: give keys with values"),
        ("inputs:", "has no value: give one or leave it out"),
    ],
)
def test_a_wrong_key_is_told_with_its_fix(lines: str, problem: str) -> None:
    key = lines.partition(":")[0]

    assert found(pipeline(lines)) == [f"5: pipelines.p.{key}: {problem}"]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("tags: {version: 3}", 'tags.version: is 3: put it in quotes, "3"'),
        ("tags: {Bridge_x: a}", "tags.Bridge_x: begins with bridge, which the bridge's own tags do: use another name"),
        (f"tags: {{a: {'x' * 1001}}}", "tags.a: is longer than 1000 characters: shorten it"),
        ('tags: {a: "\\x07"}', "tags.a: has the control character U+0007: remove it"),
        (f"tags: {{{', '.join(f't{n}: x' for n in range(21))}}}", "tags: has more than 20 entries: remove some"),
        ("allow: {principals: ['a?']}", 'allow.principals[0]: is "a?": only * is a wildcard here'),
        (
            "allow: {principals: [AAAAAAAA-0000-0000-0000-000000000001]}",
            'allow.principals[0]: is "AAAAAAAA-0000-0000-0000-000000000001": '
            "for an application of Entra write app:aaaaaaaa-0000-0000-0000-000000000001",
        ),
        (
            "allow: {principals: ['app:my-app']}",
            'allow.principals[0]: is "app:my-app": '
            "give the application's id, app:00000000-0000-0000-0000-000000000000",
        ),
        (
            "allow: {principals: ['approle:']}",
            'allow.principals[0]: is "approle:": give the value of an app role, such as approle:Bridge.Submit',
        ),
        ("allow: {principals: key}", 'allow.principals: is "key": give a list such as [a, b]'),
        ("allow: {roles: ['']}", "allow.roles[0]: is empty: give text or leave it out"),
        (
            "inputs: {1x: {type: date}}",
            'inputs.1x: "1x" is not a name: use letters, digits and underscores, no digit first',
        ),
        ("inputs: {x: {type: }}", "inputs.x.type: has no value: give one or leave it out"),
        ("inputs: {x: {type: date, required: yes}}", 'inputs.x.required: is "yes": write true or false'),
        (
            "inputs: {x: {type: date, default: 2026-02-30}}",
            'inputs.x.default: is "2026-02-30": the calendar has no such day',
        ),
        ("inputs: {x: {type: string, default: 5}}", "inputs.x.default: is 5: put it in quotes"),
        ("inputs: {x: {type: integer, min: 3, default: 2}}", "inputs.x.default: is 2: it must be at least 3"),
        ("inputs: {x: {type: integer, enum: [1, 2], default: 3}}", "inputs.x.default: is 3: use one of 1, 2"),
        ("inputs: {x: {type: integer, enum: [1, a]}}", 'inputs.x.enum[1]: is "a": give a whole number such as 5'),
        ("inputs: {x: {type: integer, enum: [1, 1.0]}}", "inputs.x.enum[1]: has 1 twice: keep one"),
        ("inputs: {x: {type: integer, enum: []}}", "inputs.x.enum: is empty: give at least one, or leave it out"),
        ("inputs: {x: {type: integer, enum: [[1]]}}", "inputs.x.enum[0]: is a list: give a single value"),
        ("inputs: {x: {type: string, min: a}}", "inputs.x.min: means nothing for type string: remove it"),
        ("inputs: {x: {type: boolean, pattern: a}}", "inputs.x.pattern: means nothing for type boolean: remove it"),
        (
            "inputs: {x: {type: string, pattern: a, default: b}}",
            'inputs.x.default: is "b": the whole of it must match a',
        ),
        ("inputs: {x: {type: string, max_length: 40000}}", "inputs.x.max_length: is 40000: it must be at most 32000"),
        (
            "inputs: {x: {type: date, required: true, default: 2026-01-01}}",
            "inputs.x.default: is never used, because the input is required: remove one of the two",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_fix(lines: str, problem: str) -> None:
    assert found(pipeline(lines)) == [f"5: pipelines.p.{problem}"]


@pytest.mark.parametrize("allow", ["roles: [ML_TEAM]", "principals: ['approle:Bridge.Submit', 'approle:Bridge.*']"])
def test_roles_alone_are_somebody(allow: str) -> None:
    text = pipeline(f"allow: {{{allow}}}")

    assert parse_catalogue(text.encode(), "p.yaml", workspaces=None).names() == ["p"]


def test_a_misspelt_key_does_not_hide_what_else_is_wrong_with_the_input() -> None:
    assert found(pipeline("inputs: {x: {type: integer, maxlength: 5, default: a}}")) == [
        "5: pipelines.p.inputs.x.maxlength: is not a key here: did you mean max_length?",
        '5: pipelines.p.inputs.x.default: is "a": give a whole number such as 5',
    ]


def test_a_workspace_that_is_not_allowed_is_refused() -> None:
    text = GOOD.replace("workspace: ws1", "workspace: ml-wp")
    place = '5: pipelines.churn-training.target.workspace: "ml-wp" is not among the allowed workspaces: '

    assert found(text, frozenset({"ml-ws", "other"})) == [place + "did you mean ml-ws?"]
    assert found(text, frozenset({"b", "a"})) == [place + "use one of a, b, or add it to ALLOWED_WORKSPACES"]
    assert parse_catalogue(text.encode(), "p.yaml", workspaces=None).names() == ["churn-training"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: is empty: begin with version: 1 and pipelines:"),
        ("[]", "1: is a list: give keys with values"),
        ("pipelines", '1: is "pipelines": give keys with values'),
        ("version: 1\npipelines: {}", "2: pipelines: is empty: give at least one, or leave it out"),
        ("version: 1\n", "1: pipelines: is missing: add it (By name, as callers give it.)"),
        ("a: 'x", "1: is not YAML at column 6: found unexpected end of stream"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(text: str, problem: str) -> None:
    assert problem in found(text)


@pytest.mark.parametrize("version", ["2", "true", "1.0", "'1'"])
def test_only_version_1_is_read(version: str) -> None:
    assert found(GOOD.replace("version: 1", f"version: {version}"))[0].startswith("1: version: is ")


def test_a_missing_file_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_catalogue(tmp_path / "none.yaml", workspaces=None)

    assert error.value.problems == (
        f"{tmp_path / 'none.yaml'}: cannot be read, No such file or directory: PIPELINES_FILE names the file",
    )


def test_a_folder_in_place_of_the_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_catalogue(tmp_path, workspaces=None)


def test_bytes_that_are_not_text_are_told_with_their_line() -> None:
    with pytest.raises(ConfigurationError, match=r"p\.yaml:2: is not UTF-8 at byte 3: save it as UTF-8"):
        parse_catalogue(b"a:\n\xff", "p.yaml", workspaces=None)


def test_a_huge_file_is_refused_unread() -> None:
    with pytest.raises(ConfigurationError, match="is larger than 1000000 bytes"):
        parse_catalogue(b"#" * 1_000_001, "p.yaml", workspaces=None)


def test_a_byte_order_mark_is_no_problem() -> None:
    assert parse_catalogue(b"\xef\xbb\xbf" + GOOD.encode(), "p.yaml", workspaces=None).names() == ["churn-training"]
