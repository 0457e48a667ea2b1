"""The life of a query request: faults, request ids that make the connectors' retries harmless, queries in progress."""

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bridge.local.faults import Fault, FaultPlan
from bridge.local.snowflake import answers
from bridge.local.snowflake.errors import StatementFailed, failure_of
from bridge.local.snowflake.features import StatementRequest
from bridge.local.snowflake.sessions import Session
from bridge.local.snowflake.sql_text import verb_of
from bridge.local.snowflake.statement_log import StatementLog
from bridge.local.snowflake.statements import StatementRunner

_KEPT = 100
#: More statements than this at one time wait. Each may hold a thread while an external function is called, and a CALL
#: holds one while the statements of its handler need others, so it must be far more than anybody calls at one time.
_THREADS = 1024


class AnswerLost(Exception):
    """The statement was executed, and its answer must not reach the client."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        #: What the client gets instead; None for a connection that breaks off.
        self.status = status


@dataclass(kw_only=True)
class Execution:
    """One statement on its way; every request with its request id or query id gets the same answer."""

    query_id: str
    session: Session
    task: "asyncio.Task[answers.JsonObject]"
    #: The fault that keeps the answer from the client.
    loss: Fault | None = None

    @property
    def has_failed(self) -> bool:
        return self.task.done() and not self.task.result()["success"]


class Queries:
    """All executions of a server, the latest of them kept for retries and polls."""

    def __init__(self, runner: StatementRunner, faults: FaultPlan, log: StatementLog, answer_within: float) -> None:
        self._runner = runner
        self._faults = faults
        self._log = log
        self._answer_within = answer_within
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="statement")
        self._by_request_id: OrderedDict[str, Execution] = OrderedDict()
        self._by_query_id: OrderedDict[str, Execution] = OrderedDict()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, session: Session, request_id: str, body: dict[str, Any]) -> Execution:
        """The execution of a request; a retry of one that has been here is not executed again."""
        self._loop = asyncio.get_running_loop()
        known = self._by_request_id.get(request_id)
        if known is not None:
            return known
        sql = body["sqlText"]
        request = StatementRequest(
            query_id=str(uuid.uuid4()),
            sql=sql,
            bindings=body.get("bindings") or {},
            describe_only=bool(body.get("describeOnly")),
        )
        facts = {"verb": verb_of(sql), "sql": sql}
        delay = self._faults.strike("delay", **facts)
        fault = self._faults.strike("error", "after_commit_error", **facts)
        execution = Execution(
            query_id=request.query_id,
            session=session,
            task=asyncio.create_task(self._execute(session, request, delay, fault)),
            loss=fault if fault is not None and fault.kind == "after_commit_error" else None,
        )
        _keep(self._by_query_id, request.query_id, execution)
        if request_id:
            _keep(self._by_request_id, request_id, execution)
        return execution

    def run_unasked(self, session: Session, sql: str) -> tuple[str, answers.JsonObject]:
        """Run a statement that no client sent, from a thread of the emulator: its query id and its answer."""
        if self._loop is None:
            raise RuntimeError("no statement has come yet, so none can have asked for another one")
        return asyncio.run_coroutine_threadsafe(self._to_the_end(session, sql), self._loop).result()

    async def _to_the_end(self, session: Session, sql: str) -> tuple[str, answers.JsonObject]:
        execution = self.start(session, "", {"sqlText": sql})
        return execution.query_id, await execution.task

    def find(self, query_id: str) -> Execution | None:
        return self._by_query_id.get(query_id)

    async def answer(self, execution: Execution, *, asynchronous: bool = False) -> answers.JsonObject:
        """The answer of a statement, or that it is still in progress.

        Raises:
            AnswerLost: a fault took the answer away.
        """
        if asynchronous:
            return answers.in_progress(execution.query_id, asynchronous=True)
        done, _ = await asyncio.wait({execution.task}, timeout=self._answer_within)
        if not done:
            return answers.in_progress(execution.query_id, asynchronous=False)
        if execution.loss is not None:
            raise AnswerLost(execution.loss.params.get("status"))
        return execution.task.result()

    async def _execute(
        self, session: Session, request: StatementRequest, delay: Fault | None, fault: Fault | None
    ) -> answers.JsonObject:
        if delay is not None:
            await asyncio.sleep(float(delay.params.get("seconds", 1)))
        started = time.monotonic()
        try:
            if fault is not None and fault.kind == "error":
                raise _planned(fault)
            async with session.turn:
                answer = await self._in_thread(lambda: self._runner.run(session, request))
        except Exception as error:
            failure = failure_of(error)
            self._record(session, request, started, failure.message)
            return answers.failed(failure, request.query_id)
        self._record(session, request, started, None)
        return answer

    async def _in_thread(self, work: Callable[[], answers.JsonObject]) -> answers.JsonObject:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _record(self, session: Session, request: StatementRequest, started: float, error: str | None) -> None:
        if request.describe_only:  # the connector asks so before it sends an array of binds
            return
        self._log.record(
            session_id=session.id,
            sql=request.sql,
            query_id=request.query_id,
            seconds=time.monotonic() - started,
            error=error,
        )


def _planned(fault: Fault) -> StatementFailed:
    params = fault.params
    return StatementFailed(
        int(params.get("code", 603)),
        str(params.get("sqlstate", "XX000")),
        str(params.get("message", "SQL execution internal error: planned by a fault.")),
    )


def _keep(executions: OrderedDict[str, Execution], key: str, execution: Execution) -> None:
    """Keep an execution and forget the oldest that have ended: their results may be large."""
    executions[key] = execution
    surplus = len(executions) - _KEPT
    for old in [old for old, known in executions.items() if known.task.done()][: max(surplus, 0)]:
        del executions[old]
