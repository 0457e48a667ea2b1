"""CREATE PROCEDURE as it is kept: what a CALL must know of a procedure."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bridge.local.snowflake.definitions import InvalidDefinition, type_kind
from bridge.local.snowflake.errors import compilation_error, unsupported
from bridge.local.snowflake.procedures.reading import Pair, Path, Reader, Value, paths, text, texts
from bridge.local.snowflake.wire import Argument

SNOWPARK = "snowflake-snowpark-python"
_LANGUAGES = frozenset({"PYTHON", "SQL", "JAVASCRIPT", "JAVA", "SCALA"})
_REFUSED = ("IMPORTS", "ARTIFACT_REPOSITORY", "ARTIFACT_REPOSITORY_PACKAGES")
_REQUIRED = ("RUNTIME_VERSION", "PACKAGES", "HANDLER")


@dataclass(frozen=True, kw_only=True)
class Parameter(Argument):
    """One parameter of a procedure."""

    #: The SQL expression of its default; None when it must be given.
    default: str | None = None


@dataclass(frozen=True, kw_only=True)
class Returned:
    """The type of a procedure's result."""

    kind: str
    scale: int = 0

    def as_argument(self) -> Argument:
        return Argument(name="", kind=self.kind, scale=self.scale)


@dataclass(frozen=True, kw_only=True)
class Procedure:
    """One procedure; of one in another language than Python and SQL only name, parameters and language count."""

    path: tuple[str, str, str]
    parameters: tuple[Parameter, ...]
    language: str
    returns: Returned
    body: str = field(default="", repr=False)
    handler: str = ""
    runtime: str = ""
    packages: tuple[str, ...] = ()
    integrations: tuple[str, ...] = ()
    #: Name in the handler -> path of the secret.
    secrets: tuple[tuple[str, tuple[str, str, str]], ...] = ()
    runs_as_owner: bool = True
    is_strict: bool = False
    comment: str = ""

    @property
    def name(self) -> str:
        return self.path[2]

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(parameter.kind for parameter in self.parameters)

    @property
    def signature(self) -> str:
        listed = (
            f"{parameter.name} {parameter.kind}" + (f" DEFAULT {parameter.default}" if parameter.default else "")
            for parameter in self.parameters
        )
        return f"({', '.join(listed)})"


#: database.schema.name of what a statement names.
Qualify = Callable[[Path], tuple[str, str, str]]


@dataclass(frozen=True, kw_only=True)
class CreateProcedure:
    """One CREATE PROCEDURE statement."""

    procedure: Procedure
    replaces: bool
    only_if_absent: bool


def parse_create(reader: Reader, qualify: Qualify, *, replaces: bool) -> CreateProcedure:
    """The statement from its name on.

    Raises:
        StatementFailed: it is wrong, or wants what the laptop has not.
    """
    careful = reader.take("IF", "NOT", "EXISTS")
    path = qualify(reader.path())
    parameters = _parameters(reader)
    reader.take("COPY", "GRANTS")
    returns, language, options = _rest(reader)
    procedure = Procedure(path=path, parameters=parameters, language=language, returns=returns)
    if language in {"PYTHON", "SQL"}:
        procedure = replace(
            procedure,
            body=text(options.get("AS")),
            runs_as_owner=text(options.get("EXECUTE AS", "OWNER")) == "OWNER",
            is_strict="STRICT" in options,
            comment=text(options.get("COMMENT")),
        )
    if language == "PYTHON":
        procedure = _python(procedure, options, qualify)
    return CreateProcedure(procedure=procedure, replaces=replaces, only_if_absent=careful)


def parse_types(reader: Reader) -> tuple[str, ...]:
    """`(VARCHAR, OBJECT)`, which tells overloads apart in DROP and DESCRIBE."""
    kinds = []
    reader.expect("(")
    while not reader.take(")"):
        kinds.append(read_type(reader)[0])
        reader.take(",")
    return tuple(kinds)


def _parameters(reader: Reader) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    reader.expect("(")
    while not reader.take(")"):
        name = reader.name()
        kind, scale = read_type(reader)
        default = reader.until(",", ")") if reader.take("DEFAULT") else None
        if default is None and found and found[-1].default is not None:
            raise compilation_error(1003, "42000", f"Parameter {name} needs a DEFAULT, as the one before it has one.")
        found.append(Parameter(name=name, kind=kind, scale=scale, default=default))
        if not reader.sees(")"):
            reader.expect(",")
    return tuple(found)


def read_type(reader: Reader) -> tuple[str, int]:
    """Kind and scale of the type that comes next."""
    word = reader.word()
    if word == "DOUBLE":
        reader.take("PRECISION")
    size = ""
    if reader.take("("):
        size = reader.until(")")
        reader.expect(")")
    try:
        kind = type_kind(word)
    except InvalidDefinition as error:
        raise compilation_error(2040, "42601", str(error)) from error
    numbers = re.findall(r"\d+", size)
    return kind, int(numbers[1]) if kind == "NUMBER" and len(numbers) > 1 else 0


def _rest(reader: Reader) -> tuple[Returned, str, dict[str, Value]]:
    returns, language = Returned(kind="VARCHAR"), "SQL"
    options: dict[str, Value] = {}
    while not reader.is_done:
        if reader.take("RETURNS", "NULL", "ON", "NULL", "INPUT") or reader.take("STRICT"):
            options["STRICT"] = "TRUE"
        elif reader.take("CALLED", "ON", "NULL", "INPUT") or reader.take("VOLATILE") or reader.take("IMMUTABLE"):
            pass
        elif reader.take("RETURNS"):
            returns = _returned(reader)
        elif reader.take("LANGUAGE"):
            language = _language(reader)
        elif reader.take("EXECUTE", "AS"):
            options["EXECUTE AS"] = _rights(reader)
        elif reader.take("AS"):
            options["AS"] = reader.string() if language != "SQL" or reader.sees_string() else reader.until()
        elif language == "PYTHON" or reader.sees("COMMENT"):
            name = reader.word()
            reader.expect("=")
            options[name] = reader.value()
        else:
            reader.until()  # the clauses of another language, and scripting without quotes
    return returns, language, options


def _returned(reader: Reader) -> Returned:
    if reader.take("TABLE", "("):
        reader.until(")")
        reader.expect(")")
        return Returned(kind="TABLE")
    kind, scale = read_type(reader)
    reader.take("NOT", "NULL")
    return Returned(kind=kind, scale=scale)


def _rights(reader: Reader) -> str:
    """OWNER or CALLER."""
    word = reader.word()
    return reader.word() if word == "RESTRICTED" else word


def _language(reader: Reader) -> str:
    language = reader.word()
    if language not in _LANGUAGES:
        raise compilation_error(1003, "42000", f"Unknown language {language}.")
    return language


def _python(procedure: Procedure, options: dict[str, Value], qualify: Qualify) -> Procedure:
    if procedure.returns.kind == "TABLE":
        raise unsupported("RETURNS TABLE")
    for refused in _REFUSED:
        if refused in options:
            raise unsupported(f"{refused} of a procedure")
    for required in _REQUIRED:
        if required not in options:
            raise compilation_error(1003, "42000", f"A procedure in Python needs {required}.")
    if not procedure.body.strip():
        raise unsupported("a procedure without a body")
    packages = tuple(texts(options["PACKAGES"]))
    if SNOWPARK not in {re.split(r"[=<>!~\[ ]", package)[0].lower() for package in packages}:
        raise compilation_error(391516, "42601", f"PACKAGES of a procedure in Python must have '{SNOWPARK}'.")
    secrets = options.get("SECRETS") or []
    pairs = [item for item in secrets if isinstance(item, Pair)] if isinstance(secrets, list) else []
    return replace(
        procedure,
        handler=text(options["HANDLER"]),
        runtime=text(options["RUNTIME_VERSION"]),
        packages=packages,
        integrations=tuple(path[-1] for path in paths(options.get("EXTERNAL_ACCESS_INTEGRATIONS"))),
        secrets=tuple((pair.name, qualify(pair.path)) for pair in pairs),
    )
