"""What holds for every rules.yaml and every event, however odd."""

import json
from datetime import UTC
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.adapters.files.pipelines_file import parse_catalogue
from bridge.adapters.files.rules_file import Surroundings, parse_rules
from bridge.domain import event_kinds
from bridge.domain.errors import ConfigurationError
from bridge.domain.records import AmlEvent
from bridge.domain.rules import Rules, bucket_start
from bridge.domain.verdicts import judge

PIPELINES = """\
version: 1
pipelines:
  p:
    target: {kind: aml_pipeline, component: "azureml:p:1"}
    inputs: {x: {type: date}, y: {type: integer}}
"""
SURROUNDINGS = Surroundings(
    catalogue=parse_catalogue(PIPELINES.encode(), "p.yaml", workspaces=None),
    channels=frozenset({"c"}),
    topics=frozenset({"t"}),
    has_default_topic=True,
)

KEYS = [
    "version",
    "rules",
    "on",
    "where",
    "do",
    "key",
    "cool_down",
    "submit",
    "deploy",
    "notify",
    "publish",
    "in",
    "min",
]
KEYS += ["pipeline", "inputs", "endpoint", "model", "channel", "title", "text", "type", "data", "subject", "parameters"]
WORDS = [*KEYS, *event_kinds.NAMES, "1", "0.5", "p", "r", "x", "y", "~", "<<", "1d", "data.x", "tags.y", "${date}", "$"]
WORDS += ["true", "${data.x}", "a${x}", "é", "Bridge.X", "5e999"]
SIGNS = [*":-{}[],&*!|>'\"#%@? \t\n", ": ", "\n  ", "\n    ", "  "]
near_yaml = st.lists(st.sampled_from([*WORDS, *SIGNS]), max_size=60).map("".join)
#: Half a character is refused at the door.
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(WORDS)
shapes: Any = st.recursive(
    st.none() | st.booleans() | text | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=10,
)


def read(content: bytes) -> Rules | None:
    """The rules, or None when there were problems; anything but a ConfigurationError fails the test."""
    try:
        return parse_rules(content, "r.yaml", SURROUNDINGS).rules
    except ConfigurationError as error:
        problems = error.problems
    lines = [int(problem.removeprefix("r.yaml:").partition(":")[0]) for problem in problems]
    assert lines
    assert lines == sorted(lines)
    return None


@settings(deadline=None, max_examples=100)
@given(near_yaml | st.text(max_size=50))
def test_any_text_is_rules_or_a_list_of_problems(text: str) -> None:
    read(text.encode("utf-8", "surrogatepass"))


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_rules_or_a_list_of_problems(content: bytes) -> None:
    read(content)


@settings(deadline=None, max_examples=100)
@given(shapes, shapes, shapes, shapes)
def test_any_shape_in_any_place_is_rules_or_a_list_of_problems(on: Any, condition: Any, key: Any, do: Any) -> None:
    entry = {"on": on, "where": {"data.x": condition}, "key": key, "do": do, "cool_down": key}
    other = {"on": "ModelDeployed", "where": condition, "do": {"submit": do, "notify": {"channel": key}}}

    read(json.dumps({"version": 1, "rules": {"r": entry, "other": other}}).encode())


values: Any = shapes
events = st.builds(
    AmlEvent,
    id=st.text(min_size=1, max_size=5),
    event_type=st.sampled_from(list(event_kinds.NAMES.values())) | text,
    subject=text,
    event_time=st.none() | st.datetimes(timezones=st.just(UTC)),
    data=st.dictionaries(
        st.sampled_from(["x", "X", "RunTags", "tags", "runId", "ModelName", "y.z"]), values, max_size=5
    ),
    topic=st.just("/workspaces/w"),
    door=st.just("workspace"),
)
conditions: Any = st.fixed_dictionaries(
    {},
    optional={
        "equals": text | st.integers() | st.booleans(),
        "in": st.lists(text | st.integers(), min_size=1, max_size=2),
        "prefix": st.text("ab", min_size=1),
        "min": st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        "above": st.integers(),
        "exists": st.booleans(),
    },
)


@settings(deadline=None, max_examples=100)
@given(events, conditions, st.sampled_from(["a ${data.x}", "${data.y.z}", "${tags.x}", "${time}", "$$"]), st.booleans())
def test_every_event_gets_the_same_verdict_twice(event: AmlEvent, condition: Any, text: str, cools: bool) -> None:
    entry = {
        "on": list(event_kinds.NAMES),
        "where": {"data.x": condition},
        "do": {"publish": {"type": "A", "data": {"a": text}}},
        **({"cool_down": "1h"} if cools else {}),
    }
    rules = read(json.dumps({"version": 1, "rules": {"r": entry}}).encode())
    for rule in rules.all if rules else ():
        assert judge(rule, event, "bridge") == judge(rule, event, "bridge")
        assert judge(rule, event, "bridge").action_id != judge(rule, event, "another").action_id
        if rule.cool_down and event.event_time:
            start = bucket_start(event.event_time, rule.cool_down)
            assert start <= event.event_time < start + rule.cool_down
