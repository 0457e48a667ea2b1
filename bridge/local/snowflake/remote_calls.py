"""Sending the batches of an external function: retries, polling, and the errors that a query then fails with."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from bridge.local.snowflake import wire
from bridge.local.snowflake.errors import StatementFailed

#: Seconds before the first retry and the first poll; both grow.
FIRST_RETRY_DELAY = 0.2
LONGEST_RETRY_DELAY = 5.0
FIRST_POLL_DELAY = 0.1
LONGEST_POLL_DELAY = 2.0
_SHOWN_OF_AN_ERROR = 1000


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where the batches of one function go on the laptop."""

    client: httpx.Client
    url: str
    #: What API Management adds, for example the function key.
    headers: Mapping[str, str]
    #: Seconds for one batch in all: retries, waiting and polling.
    timeout: float


class _Batch:
    """One batch on its way: the same headers and batch id for the POST, each retry and each poll."""

    def __init__(self, definition: wire.Definition, destination: Destination, batch_id: str, row_count: int) -> None:
        self._definition = definition
        self._destination = destination
        self._batch_id = batch_id
        self._row_count = row_count
        self._deadline = time.monotonic() + destination.timeout
        self._retries = 0
        self._last_seconds = 0.0

    def send(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """The body of the 200 that it ends with."""
        accepted = False
        retry_delay, poll_delay = FIRST_RETRY_DELAY, FIRST_POLL_DELAY
        while True:
            answer = self._request("GET", headers) if accepted else self._request("POST", headers, body)
            if isinstance(answer, httpx.Response) and answer.status_code == 200:
                return answer.content
            if isinstance(answer, httpx.Response) and answer.status_code == 202:
                accepted = True
                delay, poll_delay = poll_delay, min(poll_delay * 1.5, LONGEST_POLL_DELAY)
            elif isinstance(answer, httpx.Response) and answer.status_code != 429 and answer.status_code < 500:
                raise self._failed(answer)
            else:
                self._retries += 1
                delay, retry_delay = retry_delay, min(retry_delay * 2, LONGEST_RETRY_DELAY)
            if time.monotonic() + delay > self._deadline:
                raise self._failed(answer)
            time.sleep(delay)

    def _request(self, method: str, headers: Mapping[str, str], body: bytes | None = None) -> httpx.Response | str:
        sent = {**headers, **self._destination.headers}
        if body is not None:
            sent |= wire.headers_of_body(self._definition)
        started = time.monotonic()
        try:
            return self._destination.client.request(
                method,
                self._destination.url,
                headers=sent,
                content=body,
                timeout=max(self._deadline - started, 0.1),
            )
        except httpx.HTTPError as error:
            return f"{type(error).__name__}: {error}"
        finally:
            self._last_seconds = time.monotonic() - started

    def _failed(self, answer: httpx.Response | str) -> StatementFailed:
        name = self._definition.name
        if isinstance(answer, str):
            what = f"Error: Remote service cannot be reached. Check the endpoint URL and try again. ({answer})"
            return StatementFailed(100350, "P0000", f"Request failed for external function {name}. {what}")
        if answer.status_code == 202:
            what = f"Error: Remote service was still working after {self._destination.timeout:g} s"
            return StatementFailed(100350, "P0000", f"Request failed for external function {name}. {what}")
        text = answer.content[:_SHOWN_OF_AN_ERROR].decode(errors="replace")
        return StatementFailed(
            100351,
            "P0000",
            f"Request failed for external function {name} with remote service error: {answer.status_code} '{text}'; "
            f"requests batch-id: {self._batch_id}; request batch size: {self._row_count} rows; "
            f"request retries: {self._retries}; response time (last retry): {self._last_seconds * 1000:.2f}ms",
        )


def call(
    definition: wire.Definition,
    destination: Destination,
    rows: Sequence[Sequence[Any]],
    *,
    query_id: str,
    new_batch_id: Callable[[], str],
    context: Mapping[str, str],
) -> list[str | None]:
    """The value of each row, as text for the database to cast.

    Raises:
        StatementFailed: one batch failed, which fails the whole statement; other batches may have been delivered.
    """
    values: list[str | None] = []
    for rows_of_batch in wire.batches_of(definition, rows):
        batch_id = new_batch_id()
        headers = wire.headers_of(definition, query_id=query_id, batch_id=batch_id, context=context)
        body = wire.compressed(wire.body_of(definition, rows_of_batch), definition.compression)
        answer = _Batch(definition, destination, batch_id, len(rows_of_batch)).send(headers, body)
        try:
            values += wire.values_of(definition, answer, len(rows_of_batch))
        except wire.WireError as error:
            raise StatementFailed(
                100350, "P0000", f"Request failed for external function {definition.name}. Error: {error}"
            ) from error
    return values
