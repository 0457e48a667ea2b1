"""The order of an examination: what needs what, what is left out, and that nothing is waited for without end."""

import threading
from collections.abc import Iterator

from bridge.doctor.examination import Examination, Group
from bridge.doctor.examine import GROUPS
from bridge.doctor.findings import Finding, Status, fail, ok, skipped, worst
from bridge.doctor.subject import Subject
from bridge.domain.errors import AccessDenied, PermanentError
from tests.unit.doctor_subject import subject_of


def well(_: Subject) -> Iterator[Finding]:
    yield ok("well", "it is well")


def ill(_: Subject) -> Iterator[Finding]:
    yield fail("ill", "it is ill", mend="rest")


def told(*groups: Group, seconds: float = 30, environ: dict[str, str] | None = None) -> dict[str, list[Finding]]:
    examination = Examination(subject_of(environ or {}), groups, seconds)
    return {name: list(findings) for name, findings in examination.findings()}


def test_what_needs_something_that_fails_is_left_out_with_the_first_cause() -> None:
    found = told(
        Group(name="first", check=ill),
        Group(name="second", check=well, needs=("first",)),
        Group(name="third", check=well, needs=("second",)),
        Group(name="beside", check=well, after=("first",)),
    )

    assert [each.status for each in found["second"] + found["third"]] == [Status.SKIPPED, Status.SKIPPED]
    assert found["second"][0].cause == found["third"][0].cause == "it needs ill: it is ill"
    assert found["beside"] == [ok("well", "it is well")]


def test_what_needs_a_setting_that_is_wrong_is_left_out() -> None:
    found = told(Group(name="ledger", check=well, settings=("SNOWFLAKE_DATA", "SNOWFLAKE_USER")))

    assert found["ledger"][0].cause == "it needs the setting SNOWFLAKE_DATABASE, SNOWFLAKE_USER"


def test_a_group_looks_at_what_those_before_it_have_found() -> None:
    seen: list[str] = []
    gate = threading.Event()

    def slow(_: Subject) -> Iterator[Finding]:
        gate.wait(30)
        seen.append("slow")
        yield ok("slow", "done")

    def quick(_: Subject) -> Iterator[Finding]:
        seen.append("quick")
        yield ok("quick", "done")

    def opens(_: Subject) -> Iterator[Finding]:
        gate.set()
        yield ok("opens", "done")

    told(
        Group(name="slow", check=slow), Group(name="quick", check=quick, after=("slow",)), Group(name="x", check=opens)
    )

    assert seen == ["slow", "quick"]


def test_what_does_not_end_is_told_and_what_needs_it_left_out() -> None:
    gate = threading.Event()

    def never(_: Subject) -> Iterator[Finding]:
        yield ok("never", "it has begun")
        gate.wait(60)
        yield ok("never", "too late to be heard")

    found = told(Group(name="never", check=never), Group(name="after", check=well, needs=("never",)), seconds=0.05)
    gate.set()

    assert [each.status for each in found["never"]] == [Status.OK, Status.FAIL]
    assert found["never"][1].what == "never took longer than 0.05 seconds"
    assert found["after"][0].status is Status.SKIPPED


def test_an_error_is_a_finding_without_its_traceback_and_the_others_are_told_all_the_same() -> None:
    def refused(_: Subject) -> Iterator[Finding]:
        raise PermanentError("Azure, GET x: 400 no", code="NO")
        yield

    def denied(_: Subject) -> Iterator[Finding]:
        yield ok("denied", "so far")
        raise AccessDenied("Azure, GET y: 403 no right", code="ACCESS_DENIED")

    def broken(_: Subject) -> Iterator[Finding]:
        yield ok("broken", "so far")
        raise KeyError("value")

    groups = {"refused": refused, "denied": denied, "broken": broken, "c": well}
    found = told(*(Group(name=name, check=check) for name, check in groups.items()))

    assert found["refused"][0].cause == "Azure, GET x: 400 no"
    assert found["denied"][1].status is Status.SKIPPED
    assert found["broken"][1].cause == "a defect of the doctor: KeyError: 'value'"
    assert found["c"] == [ok("well", "it is well")]


def test_secrets_are_masked_in_every_word_of_a_finding() -> None:
    key = "SharedAccessKey=abcdefghijklmnop"

    def careless(_: Subject) -> Iterator[Finding]:
        yield fail("careless", f"a {key}", cause=f"b {key}", mend=f"c {key}")

    (found,) = told(Group(name="careless", check=careless))["careless"]

    assert (found.what, found.cause, found.mend) == tuple(f"{each} SharedAccessKey=***" for each in "abc")


def test_all_together_are_as_bad_as_the_worst_of_them() -> None:
    findings = [ok("a", "a"), skipped("b", "b", "c")]

    assert worst(findings) is Status.OK
    assert worst([*findings, fail("d", "d", mend="e")]) is Status.FAIL


def test_each_group_stands_behind_those_that_it_waits_for() -> None:
    names = [group.name for group in GROUPS]

    for number, group in enumerate(GROUPS):
        assert set(group.needs) | set(group.after) <= set(names[:number]), group.name
