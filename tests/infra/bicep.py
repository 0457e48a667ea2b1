"""Reads Bicep by its grammar: what a file declares, and the literals in it. It compiles nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_bicep.language()))


class Expression(str):
    """What is neither text, number, boolean, object nor array: its value is not known here."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """Of a template."""

    name: str
    type: str
    #: None when a value must be given.
    default: Any
    #: What `@name(value)` say of it.
    decorators: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """A resource or a module."""

    symbol: str
    #: With its API version; of a module, the file.
    type: str
    is_existing: bool
    #: Of one in a loop: what each of them has.
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Template:
    """A file."""

    path: Path
    text: str
    #: Lines that do not parse.
    errors: tuple[int, ...]
    parameters: Mapping[str, Parameter]
    variables: Mapping[str, Any]
    resources: tuple[Declaration, ...]
    modules: tuple[Declaration, ...]
    #: Their types.
    outputs: Mapping[str, str]
    #: Every literal text, whole.
    literals: frozenset[str]
    #: Every `a.b.c` that does not begin with a call.
    members: frozenset[str]
    #: Names that are used for a value, and names that have one: declared, of a loop, of a lambda.
    references: frozenset[str]
    names: frozenset[str]

    def resource(self, symbol: str) -> Declaration:
        (found,) = [each for each in self.resources if each.symbol == symbol]
        return found


def read(path: Path) -> Template:
    """Never raises for what is wrong inside."""
    data = path.read_bytes()
    root = _PARSER.parse(data).root_node
    nodes = list(_walk(root))
    by_type = {kind: [node for node in nodes if node.type == f"{kind}_declaration"] for kind in _KINDS}
    return Template(
        path=path,
        text=data.decode(),
        errors=tuple(node.start_point.row + 1 for node in nodes if node.type == "ERROR" or node.is_missing),
        parameters={found.name: found for found in map(_parameter, by_type["parameter"])},
        variables={_symbol(node): _value(node.named_children[-1]) for node in by_type["variable"]},
        resources=tuple(map(_declaration, by_type["resource"])),
        modules=tuple(map(_declaration, by_type["module"])),
        outputs={_symbol(node): _text(node.named_children[1]) for node in by_type["output"]},
        literals=frozenset(str(_value(node)) for node in nodes if node.type == "string"),
        members=frozenset(_text(node).replace("!", "") for node in nodes if node.type == "member_expression"),
        references=frozenset(_text(node) for node in nodes if _is_reference(node)),
        names=frozenset(_text(node) for node in nodes if _is_name(node)),
    )


_KINDS = ("parameter", "variable", "resource", "module", "output")
#: Nodes whose first child is a new name.
_NAMING = (*(f"{kind}_declaration" for kind in _KINDS), "for_statement", "lambda_expression")


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _is_name(node: Node) -> bool:
    parent = node.parent
    if node.type not in ("identifier", "loop_variable", "loop_enumerator") or parent is None:
        return False
    is_first = node == parent.named_children[0]
    return node.type != "identifier" or (is_first and parent.type in _NAMING)


def _is_reference(node: Node) -> bool:
    parent = node.parent
    if node.type != "identifier" or parent is None or _is_name(node):
        return False
    return node != parent.named_children[0] or parent.type not in ("object_property", "call_expression")


def _symbol(node: Node) -> str:
    return _text(node.named_children[0])


def _parameter(node: Node) -> Parameter:
    name, kind, *default = node.named_children
    return Parameter(
        name=_text(name),
        type=_text(kind),
        default=_value(default[0]) if default else None,
        decorators=dict(_decorators(node.prev_named_sibling)),
    )


def _decorators(node: Node | None) -> Iterator[tuple[str, Any]]:
    if node is None or node.type != "decorators":
        return
    for call in (decorator.named_children[0] for decorator in node.named_children if decorator.type == "decorator"):
        name, arguments = call.named_children
        yield _text(name), next((_value(argument) for argument in arguments.named_children), None)


def _declaration(node: Node) -> Declaration:
    symbol, kind, *rest = node.named_children
    is_existing = any(child.type == "existing" for child in node.children)
    body = next(found for found in _walk(rest[-1]) if found.type == "object" and not _is_looped_over(found))
    return Declaration(symbol=_text(symbol), type=str(_value(kind)), is_existing=is_existing, body=_value(body))


def _is_looped_over(node: Node) -> bool:
    """Inside of what follows `in`, not the body."""
    while node.parent is not None and node.parent.type not in ("resource_declaration", "module_declaration"):
        if node.parent.type == "for_statement" and node != node.parent.named_children[-1]:
            return True
        node = node.parent
    return False


def _value(node: Node) -> Any:
    match node.type:
        case "object":
            pairs = (child.named_children for child in node.named_children if child.type == "object_property")
            return {_key(pair[0]): _value(pair[-1]) for pair in pairs}
        case "array":
            return [_value(child) for child in node.named_children if child.type != "comment"]
        case "string" if not any(child.type == "interpolation" for child in node.named_children):
            text = _text(node)
            return text.strip("'").removeprefix("\n") if text.startswith("'''") else text[1:-1].replace("\\'", "'")
        case "number":
            return int(_text(node))
        case "boolean":
            return _text(node) == "true"
        case _:
            return Expression(_text(node))


def _key(node: Node) -> str:
    return str(_value(node)) if node.type == "string" else _text(node)
