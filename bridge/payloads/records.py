"""Bodies of the queue `run-events`: rows for the ledger."""

from dataclasses import fields, replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from bridge.domain.errors import PoisonMessage
from bridge.domain.events import RunEvent
from bridge.domain.records import AmlEvent, DeadLetter, Records, RuleAction
from bridge.payloads import lossless
from bridge.payloads.commands import timestamp
from bridge.payloads.shape import COUNT_LIMIT, Shape, complaints, in_utc

Record = TypeVar("Record", RunEvent, AmlEvent, DeadLetter, RuleAction)


def _with_times_in_utc(record: Record) -> Record:
    """A time that cannot be written again would hold up its whole batch."""
    times: dict[str, Any] = {name: in_utc(value) for name, value in vars(record).items() if isinstance(value, datetime)}
    return replace(record, **times)


class RecordsBody(Shape):
    """Rows by table; each row is one of the ledger's records, column by column."""

    schema_version: Literal[1] = 1
    try_: int = Field(default=0, ge=0, le=COUNT_LIMIT, alias="try")
    run_events: tuple[Annotated[RunEvent, AfterValidator(_with_times_in_utc)], ...] = ()
    aml_events: tuple[Annotated[AmlEvent, AfterValidator(_with_times_in_utc)], ...] = ()
    dead_letters: tuple[Annotated[DeadLetter, AfterValidator(_with_times_in_utc)], ...] = ()
    rule_actions: tuple[Annotated[RuleAction, AfterValidator(_with_times_in_utc)], ...] = ()


def read_records(text: str | bytes) -> Records:
    """The body of a message on `run-events`. Raises: PoisonMessage."""
    try:
        body = RecordsBody.model_validate(lossless.loads_message(text, depth=lossless.OWN_DEPTH))
    except ValidationError as error:
        raise PoisonMessage(complaints(error)) from error
    except ValueError as error:
        raise PoisonMessage(str(error)) from error
    return Records(**{table: getattr(body, table) for table in _TABLES}, try_=body.try_)


def write_records(records: Records) -> dict[str, Any]:
    body: dict[str, Any] = {"schema_version": 1, "try": records.try_}
    for table in _TABLES:
        rows = [row(record) for record in getattr(records, table)]
        if rows:
            body[table] = rows
    return body


def row(record: RunEvent | AmlEvent | DeadLetter | RuleAction) -> dict[str, Any]:
    """One record as JSON-able columns; what is not known is left out."""
    columns = {}
    for name in _NAMES[type(record)]:
        value = getattr(record, name)
        if value is not None:
            columns[name] = timestamp(value) if isinstance(value, datetime) else value
    return columns


_TABLES = tuple(field.name for field in fields(Records) if field.name != "try_")
_NAMES = {kind: tuple(field.name for field in fields(kind)) for kind in (RunEvent, AmlEvent, DeadLetter, RuleAction)}
