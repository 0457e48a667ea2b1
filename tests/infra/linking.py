"""What the Bicep compiler would say of names, modules and their parameters, as far as the syntax alone tells."""

import re
from collections.abc import Iterator, Mapping

from tests.infra.bicep import Declaration, Expression, Template

#: Functions that the grammar takes for names inside of arrays.
SCOPES = {"resourceGroup", "subscription", "tenant"}
#: Written by infra/write_openapi.py before anything is compiled.
MADE_BEFORE = "openapi.json"


def name_problems(found: Mapping[str, Template]) -> Iterator[str]:
    """Every name has a declaration, every parameter and variable a use, every file that is loaded is there."""
    for name, template in found.items():
        yield from (f"{name}: {each} is not declared" for each in sorted(template.references - template.names - SCOPES))
        declared = {*template.parameters, *template.variables}
        yield from (f"{name}: {each} is not used" for each in sorted(declared - template.references))
        for each in re.findall(r"load(?:Json|Text)Content\('([^']+)'\)", template.text):
            if not (template.path.parent / each).is_file() and each != MADE_BEFORE:
                yield f"{name}: there is no file {each}"


#: What has to be known before anything is made, and what of a resource is: the compiler's rule BCP120.
_KNOWN_BEFORE = ("name", "location", "kind", "sku", "identity", "tags", "zones", "plan", "managedBy", "scope", "parent")
_KNOWN_OF_A_RESOURCE = ("id", "name", "type", "apiVersion")


def timing_problems(found: Mapping[str, Template]) -> Iterator[str]:
    """Nothing that has to be known before anything is made asks a resource or a module; variables are not followed."""
    for name, template in found.items():
        known: dict[str, tuple[str, ...]] = {each.symbol: _KNOWN_OF_A_RESOURCE for each in template.resources}
        known |= {each.symbol: ("name",) for each in template.modules}
        for each in (*template.resources, *template.modules):
            for key in (key for key in _KNOWN_BEFORE if key in each.body):
                for symbol, member in re.findall(r"\b(\w+)(?:\[\w+\])?!?\.(\w+)", str(each.body[key])):
                    if symbol in known and member not in known[symbol]:
                        yield f"{name}: {each.symbol}: {key} is known too late, because it asks {symbol}.{member}"


def call_problems(found: Mapping[str, Template]) -> Iterator[str]:
    """Modules are called with the parameters they have, and asked for the outputs they have."""
    for name, template in found.items():
        called = {module.symbol: module.type for module in template.modules}
        for module in template.modules:
            callee = found.get(module.type)
            if callee is None:
                yield f"{name}: module {module.symbol}: there is no {module.type}"
                continue
            given, known = set(module.body.get("params", {})), callee.parameters
            yield from (f"{name}: {module.type} has no parameter {each}" for each in sorted(given - set(known)))
            yield from _type_problems(name, template, module, found)
            required = {each.name for each in known.values() if each.default is None}
            yield from (f"{name}: {module.type} is not given {each}" for each in sorted(required - given))
        for symbol, _, output in (member.partition(".outputs.") for member in template.members):
            file = called.get(symbol, "")
            if file in found and output and output.partition(".")[0] not in found[file].outputs:
                yield f"{name}: {file} has no output {output}"


def _type_problems(name: str, template: Template, module: Declaration, found: Mapping[str, Template]) -> Iterator[str]:
    """As far as a value is a literal, a parameter or an output."""
    called = {each.symbol: found.get(each.type) for each in template.modules}
    for parameter, value in module.body.get("params", {}).items():
        wanted = found[module.type].parameters.get(parameter)
        symbol, _, output = str(value).partition(".outputs.")
        callee = called.get(symbol)
        given: str | None = None
        if not isinstance(value, Expression):
            given = _TYPES[type(value)]
        elif value in template.parameters:
            given = template.parameters[value].type
        elif callee is not None:
            given = callee.outputs.get(output)
        if wanted is not None and given is not None and given != wanted.type:
            yield f"{name}: {module.type} wants {parameter} as {wanted.type}, and gets {value} as {given}"


_TYPES = {str: "string", int: "int", bool: "bool", list: "array", dict: "object"}
