"""Small rules.yaml files for tests, with what they may refer to."""

import pytest

from bridge.adapters.files.pipelines_file import parse_catalogue
from bridge.adapters.files.rules_file import LoadedRules, Surroundings, parse_rules
from bridge.domain.errors import ConfigurationError

PIPELINES = """\
version: 1
pipelines:
  training:
    target: {kind: aml_pipeline, component: "azureml:training:1"}
    allow: {principals: [key, "rule:retrain", "rule:r"]}
    inputs:
      as_of: {type: date, required: true}
      rows: {type: integer, max: 10}
      until: {type: timestamp}
      note: {type: string, max_length: 7}
  closed:
    target: {kind: aml_pipeline, component: "azureml:closed:1"}
    allow: {principals: [key]}
"""
SURROUNDINGS = Surroundings(
    catalogue=parse_catalogue(PIPELINES.encode(), "pipelines.yaml", workspaces=None),
    channels=frozenset({"ml-team", "pager"}),
    topics=frozenset({"events"}),
    has_default_topic=False,
)
UNKNOWN = Surroundings(catalogue=None, channels=None, topics=None, has_default_topic=None)


def parsed(text: str, surroundings: Surroundings = SURROUNDINGS) -> LoadedRules:
    return parse_rules(text.encode(), "rules.yaml", surroundings)


def found(text: str, surroundings: Surroundings = SURROUNDINGS) -> list[str]:
    """The problems of a file, without its name."""
    with pytest.raises(ConfigurationError) as error:
        parsed(text, surroundings)
    return [problem.removeprefix("rules.yaml:") for problem in error.value.problems]


def rule(on: str, do: str, *lines: str) -> str:
    """A file with one rule: `on` on line 4, `do` on line 5, further lines below."""
    return "\n    ".join(["version: 1\nrules:\n  r:", f"on: {on}", f"do: {do}", *lines]) + "\n"


#: What follows a path that begins wrongly, and what is said of a sign that begins no reference.
ROOTS = "begin with one of id, type, subject, time, date, door, workspace, data, tags, as in data.ModelName"
NO_REFERENCE = "has a $ that begins no reference: write ${data.ModelName}, or $$ for the sign itself"
NOTIFY = "{notify: {channel: pager}}"
SUBMIT = '{submit: {pipeline: training, inputs: {as_of: "${date}"}}}'
