"""In every document links lead somewhere, and the commands, options, targets and files that are named exist."""

import importlib.util
import re
import shlex
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from bridge.cli.program import app
from bridge.domain.queues import Queue
from bridge.local.endpoints import QUEUES
from reference.markdown import ROOT, Code, anchors, code, documents, links

SOURCES = ("audit", "benchmarks", "bridge", "docs", "examples", "infra", "reference", "sql", "tests")
#: Named on purpose although they are not in the repository: what a command writes.
WRITTEN = {"benchmarks/results/latest.json", "infra/openapi.json"}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
_MODULE = re.compile(r"python3? -m ([a-z_]+(?:\.[a-z_]+)*)")
#: Words that stand for what the reader has to put there.
_PLACEHOLDER = re.compile(r"[A-Z_./-]*[A-Z][A-Z_./-]*|.*[…$<{].*")
each_document = pytest.mark.parametrize("document", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for line, target in links(document):
        path, _, anchor = target.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue  # nobody asks the network here
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(f"{document.name}:{line} {target}")

    assert broken == []


@each_document
def test_links_to_the_world_are_encrypted(document: Path) -> None:
    addresses = [target for _, target in links(document) if "://" in target]

    assert [address for address in addresses if not address.startswith("https://")] == []


@each_document
def test_nothing_is_left_to_do(document: Path) -> None:
    assert not re.search(r"\b(TODO|FIXME|TBD|XXX)\b", document.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "document",
    [path for path in documents() if path.name != "CHANGELOG.md"],  # it speaks of the past as well
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_files_that_are_named_exist(document: Path) -> None:
    named = [
        each.text for each in code(document) if re.fullmatch(rf"(?:{'|'.join(SOURCES)})/[\w./-]*\w[\w./-]*", each.text)
    ]

    assert [name for name in named if name not in WRITTEN and not (ROOT / name).exists()] == []


def commands(pattern: re.Pattern[str]) -> list[tuple[Code, str, str]]:
    """Where a command is, what it calls, and the rest of its line."""
    return [
        (each, found[1], re.split(r"[|;&>#)]", each.text[found.end() :])[0])
        for document in documents()
        for each in code(document)
        for found in pattern.finditer(each.text)
    ]


@pytest.mark.parametrize(("where", "module", "rest"), commands(_MODULE), ids=str)
def test_a_command_of_python_exists_with_its_options(where: Code, module: str, rest: str) -> None:
    if module == "bridge":
        assert command_problem(words_of(rest)) is None
        return
    if module == "venv":
        return
    assert importlib.util.find_spec(module) is not None, f"{where}: there is no module {module}"
    options = {word.partition("=")[0] for word in words_of(rest) if word.startswith("--")}
    assert {option for option in options if f'"{option}"' not in source_of(module)} == set(), str(where)


def words_of(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:  # a quoted text that goes on in the next line
        return rest.replace("'", " ").replace('"', " ").split()


def command_problem(words: list[str]) -> str | None:
    """Why `python -m bridge WORDS` is no command."""
    command: Any = get_command(app)
    path = "python -m bridge"
    for word in words:
        if word.startswith("-") and len(word) > 1:
            name = word.partition("=")[0]
            known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
            if name not in known | {"--help", "-h"}:
                return f"{path} has no option {name}"
        elif hasattr(command, "commands"):
            if _PLACEHOLDER.fullmatch(word):
                return None
            if word not in command.commands:
                return f"{path} has no command {word}"
            command, path = command.commands[word], f"{path} {word}"
    return None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("runs list --limit 5", None),
        ("runs list --limti 5", "python -m bridge runs list has no option --limti"),
        ("runs lost", "python -m bridge runs has no command lost"),
        ("run list", "python -m bridge has no command run"),
        ("runs COMMAND --help", None),
    ],
)
def test_a_wrong_command_would_be_seen(text: str, problem: str | None) -> None:
    assert command_problem(text.split()) == problem


@cache
def source_of(module: str) -> str:
    """The text of a module's package, where its options are."""
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.origin is not None
    paths = [Path(found.origin)]
    if found.submodule_search_locations or module.count(".") or module == "reference":
        paths += Path(found.origin).parent.glob("*.py")
    return "".join(path.read_text(encoding="utf-8") for path in paths)


@pytest.mark.parametrize(("where", "target", "rest"), commands(re.compile(r"(?:^|\s)make ([a-z][a-z-]*)")), ids=str)
def test_a_target_of_make_exists(where: Code, target: str, rest: str) -> None:
    assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.MULTILINE), f"{where}: make has no target {target}"
    for variable in re.findall(r"\b([A-Z]+)=", rest):
        assert f"$({variable}" in MAKEFILE or variable in MAKEFILE, f"{where}: make {target} knows no {variable}"


def test_the_picture_of_the_flow_shows_every_queue_and_says_what_it_shows() -> None:
    picture = ET.parse(ROOT / "docs" / "architecture.svg").getroot()  # noqa: S314 - our own file
    space = "{http://www.w3.org/2000/svg}"
    texts = {each.text for each in picture.iter(f"{space}text")}

    assert picture.get("role") == "img"
    assert {picture.findtext(f"{space}title"), picture.findtext(f"{space}desc")}.isdisjoint({None, ""})
    assert {QUEUES[f"{queue.name}_QUEUE"] for queue in Queue} <= texts
    assert {"accept", "execute", "control", "ingest", "record"} <= texts


def test_every_document_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / target.partition("#")[0]).resolve() for _, target in links(index) if "://" not in target}

    assert {path for path in documents() if path.parent == index.parent} - {index} <= linked
