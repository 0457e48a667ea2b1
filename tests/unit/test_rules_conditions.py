"""When a rule acts in rules.yaml: kinds of events, conditions, keys and cool-downs."""

from decimal import Decimal

import pytest

from tests.unit.rule_files import NOTIFY, ROOTS, found, parsed, rule


def test_numbers_of_conditions_stay_exact() -> None:
    (only,) = parsed(
        rule("ModelDeployed", NOTIFY, "where: {data.x: {min: 0.1, max: 12345678901234567890.5}}")
    ).rules.all

    assert only.where[0].minimum == Decimal("0.1")
    assert only.where[0].maximum == Decimal("12345678901234567890.5")


@pytest.mark.parametrize(
    ("on", "problem"),
    [
        ("RunComplete", 'on[0]: there is no kind of event "RunComplete": did you mean RunCompleted?'),
        (
            "Microsoft.MachineLearningServices.ModelRegisterd",
            'on[0]: there is no kind of event "Microsoft.MachineLearningServices.ModelRegisterd": '
            "did you mean ModelRegistered?",
        ),
        (
            "Microsoft.MachineLearningServices.Other",
            (
                'on[0]: Azure ML has no type "Microsoft.MachineLearningServices.Other": use one '
                "of ModelMonitorBreached, RunStatusChanged, RunCompleted, ModelRegistered, "
                "ModelDeployed, DatasetDriftDetected, Bridge.RunEnded, Bridge.DeploymentEnded"
            ),
        ),
        (
            "Bridge.RunAccepted",
            'on[0]: "Bridge.RunAccepted" fires no rules: of the bridge\'s own events use Bridge.RunEnded or '
            "Bridge.DeploymentEnded",
        ),
        ("[Contoso.A, contoso.a]", 'on[1]: "contoso.a" is given twice: keep one'),
        ("[ModelDeployed, 5]", 'on[1]: is 5: put it in quotes, "5"'),
        ("[]", "on: is empty: give at least one, or leave it out"),
        ("5", "on: is 5: give a list such as [a, b]"),
        ("", "on: has no value: give one or leave it out"),
    ],
)
def test_a_kind_that_no_event_has_is_told_with_its_fix(on: str, problem: str) -> None:
    assert found(rule(on, NOTIFY)) == [f"4: rules.r.{problem}"]


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("data.x: {}", ("data.x: asks for nothing: give an operator such as equals, in, prefix or min, or remove it")),
        ("data.x: []", "data.x: is empty: give at least one, or leave it out"),
        ("data.x: {in: []}", "data.x.in: is empty: give at least one, or leave it out"),
        ("data.x: [a, [b]]", "data.x[1]: is a list: give a single value"),
        ("data.x: {in: [{a: b}]}", "data.x.in[0]: is an object: give a single value"),
        ("data.x: {in: a}", 'data.x.in: is "a": give a list such as [a, b]'),
        ("data.x: {equals: [a]}", "data.x.equals: is a list: give a single value"),
        ('data.x: {min: "5"}', 'data.x.min: is "5": write 5 without quotes'),
        ("data.x: {above: much}", 'data.x.above: is "much": give a number such as 0.5'),
        ("data.x: {below: true}", "data.x.below: is true: give a number such as 0.5"),
        ("data.x: {prefix: 5}", 'data.x.prefix: is 5: put it in quotes, "5"'),
        ("data.x: {contains: ''}", "data.x.contains: is empty: give text or leave it out"),
        ("data.x: {exists: yes}", 'data.x.exists: is "yes": write true or false'),
        (
            "data.x: {exists: false, min: 1}",
            "data.x.exists: is false, which leaves nothing to compare: give it alone",
        ),
        ("data.x: {above: 1, below: 1}", "data.x.above: is 1, which leaves no number with below, 1: swap them"),
        ("data.x: {min: 2, below: 1.5}", "data.x.min: is 2, which leaves no number with below, 1.5: swap them"),
        ("data.x: {prefx: a}", "data.x.prefx: is not a key here: did you mean prefix?"),
        ("data.x: ", "data.x: has no value: give one or leave it out"),
        ("data: a", "data: is incomplete: name a field, as in data.name"),
        ("subject.x: a", "subject.x: subject has no fields: write subject"),
    ],
)
def test_a_condition_that_cannot_hold_is_told_with_its_fix(where: str, problem: str) -> None:
    assert found(rule("ModelDeployed", NOTIFY, f"where: {{{where}}}")) == [f"6: rules.r.where.{problem}"]


def test_equal_bounds_that_are_allowed_themselves_leave_one_number() -> None:
    assert parsed(rule("ModelDeployed", NOTIFY, "where: {data.x: {min: 1, max: 1}}")).rules.all


@pytest.mark.parametrize("written", ["1m", "30d", "1h30m", "PT6H"])
def test_a_cool_down_is_written_as_a_timeout_is(written: str) -> None:
    assert parsed(rule("ModelDeployed", NOTIFY, f"cool_down: {written}")).rules.all[0].cool_down


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("cool_down: 0m", 'cool_down: is "0m": give from 1m to 30d'),
        ("cool_down: 31d", 'cool_down: is "31d": give from 1m to 30d'),
        ("cool_down: 5", ('cool_down: is 5: write days, hours, minutes such as 2d, 6h, 1h30m, or ISO 8601, "PT6H"')),
        ("key: [data.x]", ("key: has no effect without cool_down: add one, such as cool_down: 1d, or remove key")),
        ("dry_run: yes", 'dry_run: is "yes": write true or false'),
        ("notify: {channel: pager}", "notify: is not a key here: it belongs under do"),
        ("inputs: {}", "inputs: is not a key here: it belongs under do.submit"),
        ("where: [a]", "where: is a list: give keys with values"),
    ],
)
def test_a_wrong_key_of_a_rule_is_told_with_its_fix(lines: str, problem: str) -> None:
    assert found(rule("ModelDeployed", NOTIFY, lines)) == [f"6: rules.r.{problem}"]


def test_a_key_is_made_of_paths() -> None:
    text = rule("ModelDeployed", NOTIFY, "cool_down: 1d", "key: [data.x, modelname]")

    assert found(text) == [('7: rules.r.key[1]: begins with "modelname": ' + ROOTS)]


@pytest.mark.parametrize(
    ("on", "lines", "warning"),
    [
        (
            "DatasetDriftDetected",
            "",
            (
                "DatasetDriftDetected comes no more: data drift of SDK v1 was retired on "
                "2025-09-01; model monitors report a drift as ModelMonitorBreached, add it"
            ),
        ),
        (
            "[ModelDeployed, RunCompleted]",
            "",
            (
                "Azure ML may send no RunCompleted for the end of a run: for runs of the bridge "
                "use Bridge.RunEnded, which always comes and has status, error_message and "
                "outputs"
            ),
        ),
        (
            "RunStatusChanged",
            "where: {Data.RunStatus: Failed}",
            (
                "Azure ML may send no RunStatusChanged for the end of a run: for runs of the "
                "bridge use Bridge.RunEnded, which always comes and has status, error_message "
                "and outputs"
            ),
        ),
        (
            "ModelRetired",
            "",
            '"ModelRetired" is taken for a type of your own: if it is Azure ML\'s, write ModelRegistered',
        ),
    ],
)
def test_a_rule_that_may_wait_for_ever_is_warned_of(on: str, lines: str, warning: str) -> None:
    assert parsed(rule(on, NOTIFY, lines)).warnings == (f"rules.yaml:4: rules.r.on: {warning}",)


@pytest.mark.parametrize(
    ("condition", "is_warned"),
    [
        ("[queued, Completed]", True),
        ("{in: [canceled]}", True),
        ("{equals: completed}", True),
        ("Running", False),
        ("{not_in: [failed]}", False),
    ],
)
def test_only_a_condition_that_lets_an_end_through_is_warned_of(condition: str, is_warned: bool) -> None:
    text = rule("RunStatusChanged", NOTIFY, f"where: {{data.runStatus: {condition}}}")

    assert bool(parsed(text).warnings) == is_warned


def test_kinds_of_ones_own_and_monitors_are_not_warned_of() -> None:
    text = rule(
        ("[ModelMonitorBreached, DatasetDriftDetected, NewData, Contoso.ModelRetired, RunStatusChanged]"), NOTIFY
    )

    assert parsed(text).warnings == ()
