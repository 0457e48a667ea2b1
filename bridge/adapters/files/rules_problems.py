"""What is particular to problems of rules.yaml: which model stands where, and lists that stand for conditions."""

from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from bridge.adapters.files import yaml_problems
from bridge.adapters.files.rules_actions import ACTIONS, WORDS, DoEntry
from bridge.adapters.files.rules_conditions import ConditionEntry
from bridge.adapters.files.rules_model import FileEntry, RuleEntry
from bridge.adapters.files.yaml_document import Document, Path, Problem
from bridge.adapters.files.yaml_problems import Form, keys


def problems(error: ValidationError, document: Document) -> Iterator[Problem]:
    """One problem for each thing to mend."""
    for problem in yaml_problems.problems(error, document, _FORM):
        path = _as_written(problem.path, document)
        yield Problem(document.line(path), path, problem.text)


def _as_written(path: Path, document: Document) -> Path:
    """Without the operator that a list leaves out."""
    is_condition = len(path) > 4 and path[2] == "where" and path[4] == "in"
    return (*path[:4], *path[5:]) if is_condition and path[:5] not in document.lines else path


def _model(place: Path) -> type[BaseModel]:
    match place[:-1]:
        case ("rules", _):
            return RuleEntry
        case ("rules", _, "where", _):
            return ConditionEntry
        case ("rules", _, "do"):
            return DoEntry
        case ("rules", _, "do", str(action)):
            return ACTIONS[action]
    return FileEntry


def _home(place: Path) -> str | None:
    """A key of the rule that belongs further in, or the other way round."""
    key = str(place[-1])
    if len(place) == 3 and key in ACTIONS:
        return "do"
    if len(place) == 3:
        return next((f"do.{word}" for word, model in ACTIONS.items() if key in keys(model)), None)
    return "the rule itself" if "do" in place and key in keys(RuleEntry) else None


_FORM = Form(model=_model, home=_home, words=WORDS)
