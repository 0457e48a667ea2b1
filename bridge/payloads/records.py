"""Bodies of the queue `run-events`: rows for the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from bridge.domain.errors import PoisonMessage
from bridge.domain.events import RunEvent
from bridge.domain.records import TABLES, AmlEvent, DeadLetter, Records, RuleAction
from bridge.payloads import lossless
from bridge.payloads.commands import timestamp
from bridge.payloads.shape import COUNT_LIMIT, Shape, complaints, in_utc

#: How the app itself writes a body.
_RUN_EVENTS, _AML_EVENTS, _BORDER = '{"run_events":[', '{"aml_events":[', '],"run_events":['
_END = b'],"schema_version":1,"try":0}'
#: Levels of nesting in a value that is taken as it came; the app's own have three.
PLAIN_DEPTH = 10
#: Longer ones are read with care, which also counts what is in them.
QUICK_BYTES = 256 * 1024
#: Table, record, its text.
_Row = tuple[str, RunEvent | AmlEvent | DeadLetter | RuleAction, str]
#: Characters round the rows of a text, at most.
_FRAME = 150
Record = TypeVar("Record", RunEvent, AmlEvent, DeadLetter, RuleAction)


def _with_times_in_utc(record: Record) -> Record:
    """A time that cannot be written again would hold up its whole batch."""
    times: dict[str, Any] = {}
    for name in _TIMES[type(record)]:
        value = getattr(record, name)
        if value is not None and (value.tzinfo is None or value.utcoffset()):
            times[name] = in_utc(value)
    return replace(record, **times) if times else record


class RecordsBody(Shape):
    """Rows by table; each row is one of the ledger's records, column by column."""

    schema_version: Literal[1] = 1
    try_: int = Field(default=0, ge=0, le=COUNT_LIMIT, alias="try")
    run_events: tuple[Annotated[RunEvent, AfterValidator(_with_times_in_utc)], ...] = ()
    aml_events: tuple[Annotated[AmlEvent, AfterValidator(_with_times_in_utc)], ...] = ()
    dead_letters: tuple[Annotated[DeadLetter, AfterValidator(_with_times_in_utc)], ...] = ()
    rule_actions: tuple[Annotated[RuleAction, AfterValidator(_with_times_in_utc)], ...] = ()


class _PlainBody(Shape):
    """What most messages are: a fact, an event of Azure ML, or both; as they came."""

    schema_version: Literal[1]
    try_: Literal[0] = Field(alias="try")
    run_events: tuple[RunEvent, ...] = ()
    aml_events: tuple[AmlEvent, ...] = ()


def read_records(text: str | bytes) -> Records:
    """The body of a message on `run-events`. Raises: PoisonMessage."""
    try:
        body = RecordsBody.model_validate(lossless.loads_message(text, depth=lossless.OWN_DEPTH))
    except ValidationError as error:
        raise PoisonMessage(complaints(error)) from error
    except ValueError as error:
        raise PoisonMessage(str(error)) from error
    return Records(
        run_events=body.run_events,
        aml_events=body.aml_events,
        dead_letters=body.dead_letters,
        rule_actions=body.rule_actions,
        try_=body.try_,
    )


def ledger_rows(body: bytes) -> dict[str, list[str]]:
    """By table, the rows in the body of a message on `run-events` as the ledger takes them: JSON texts of one or more.

    Raises: PoisonMessage.
    """
    return _as_they_came(body) or row_texts(read_records(body))


def row_texts(records: Records) -> dict[str, list[str]]:
    """By table, each row as JSON."""
    rows = {table: [lossless.dumps(row(each)) for each in getattr(records, table)] for table in TABLES}
    return {table: texts for table, texts in rows.items() if texts}


def times_of(rows: Mapping[str, Sequence[str]]) -> Iterator[datetime]:
    """When what rows about runs tell of happened; as `ledger_rows` gives them."""
    for text in rows.get("run_events", ()):
        for each in lossless.loads(f"[{text}]"):
            yield datetime.fromisoformat(each["occurred_at"])


def _as_they_came(body: bytes) -> dict[str, list[str]] | None:
    """The rows cut out of a body as the app itself writes it, so that nothing is written anew; None for any other.

    It is read by a parser that takes half the time but keeps less of a number: there may be none but whole ones, and
    no value of another type than the column's.
    """
    if len(body) > QUICK_BYTES or not body.endswith(_END) or b"null" in body:  # the app leaves out what is not known
        return None
    try:
        read = _PlainBody.model_validate_json(body, strict=True)
    except ValidationError:
        return None
    if not (all(map(_is_plain, read.run_events)) and all(map(_is_plain, read.aml_events))):
        return None
    return _cut_out(body[: -len(_END)].decode(), read.model_fields_set & set(TABLES))


def _cut_out(text: str, tables: set[str]) -> dict[str, list[str]] | None:
    """Quotes in a value have a backslash before them, so only a key can look like the border of two tables."""
    if text.count(_BORDER) != len(tables) - 1 or text.count(_AML_EVENTS[1:]) != ("aml_events" in tables):
        return None
    if text.startswith(_AML_EVENTS):
        aml_events, _, run_events = text[len(_AML_EVENTS) :].partition(_BORDER)
        rows = {"run_events": run_events, "aml_events": aml_events}
    elif text.startswith(_RUN_EVENTS):
        rows = {"run_events": text[len(_RUN_EVENTS) :]}
    else:
        return None
    return {table: [found] for table, found in rows.items() if found.strip()}


def _is_plain(record: RunEvent | AmlEvent) -> bool:
    for name in _TIMES[type(record)]:
        time = getattr(record, name)
        if time is not None and (time.tzinfo is None or time.utcoffset()):
            return False
    if isinstance(record, AmlEvent):
        return _is_plain_value(record.data, PLAIN_DEPTH)
    return all(_is_plain_value(each, PLAIN_DEPTH) for each in (record.inputs, record.outputs, record.payload) if each)


def _is_plain_value(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all(_is_plain_value(each, depth - 1) for each in value.values())
    if isinstance(value, list):
        return depth > 0 and all(_is_plain_value(each, depth - 1) for each in value)
    return isinstance(value, str | int)


def write_records(records: Records) -> dict[str, Any]:
    body: dict[str, Any] = {"schema_version": 1, "try": records.try_}
    for table in TABLES:
        rows = [row(record) for record in getattr(records, table)]
        if rows:
            body[table] = rows
    return body


def split_records(records: Records, limit: int) -> Iterator[tuple[Records, str]]:
    """Parts in the records' order, each with its text, of `limit` characters at most or of one row."""
    rows: list[_Row] = []
    size = 0
    for table in TABLES:
        for record in getattr(records, table):
            text = lossless.dumps(row(record))
            if rows and _FRAME + size + len(text) > limit:
                yield _part(rows, records.try_)
                rows, size = [], 0
            rows.append((table, record, text))
            size += len(text) + 1
    if rows:
        yield _part(rows, records.try_)


def _part(rows: list[_Row], try_: int) -> tuple[Records, str]:
    """As `lossless.dumps(write_records(…))` would write them, without writing any row twice."""
    by_table = {table: [each for each in rows if each[0] == table] for table in TABLES}
    texts = {table: ",".join(text for _, _, text in found) for table, found in by_table.items() if found}
    tables = "".join(f'"{table}":[{texts[table]}],' for table in sorted(texts))
    records: dict[str, Any] = {table: tuple(record for _, record, _ in found) for table, found in by_table.items()}
    return Records(**records, try_=try_), f'{{{tables}"schema_version":1,"try":{try_}}}'


def row(record: RunEvent | AmlEvent | DeadLetter | RuleAction) -> dict[str, Any]:
    """One record as JSON-able columns; what is not known is left out."""
    columns = {name: value for name, value in vars(record).items() if value is not None}
    for name in _TIMES[type(record)]:
        if name in columns:
            columns[name] = timestamp(columns[name])
    return columns


_KINDS = (RunEvent, AmlEvent, DeadLetter, RuleAction)
#: The columns that hold times.
_TIMES = {kind: tuple(field.name for field in fields(kind) if "datetime" in str(field.type)) for kind in _KINDS}
