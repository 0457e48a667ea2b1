"""Running one handler: its module, its session, and the traceback that it may end with."""

import atexit
import contextlib
import functools
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from bridge.local.snowflake.procedures.messages import Invocation, Outcome, SessionAddress
from bridge.local.snowflake.procedures.worker.context import Running, running
from bridge.local.snowflake.procedures.worker.packages import builtins_for
from bridge.local.snowflake.procedures.worker.results import for_database

#: The name that Snowflake's tracebacks show for the body of a procedure.
_MODULE = "_udf_code"
_FILE = f"{_MODULE}.py"
_LINES_KEPT = 60
_HERE = Path(__file__).parent


def outcome_of(invocation: Invocation) -> Outcome:
    """The outcome of one invocation, whatever the handler does."""
    running.set(Running(invocation, threading.get_ident()))
    try:
        with _module(invocation) as module, _session(invocation.session) as session:
            value = _handler(module, invocation)(session, *invocation.arguments)
            return Outcome(number=invocation.number, value=for_database(value, invocation.returns))
    except BaseException as error:  # also SystemExit: it ends the handler and nothing else
        told = _traceback(error).replace(f"{_module_name(invocation)}.", f"{_MODULE}.")
        return Outcome(number=invocation.number, error=told)


@contextlib.contextmanager
def _module(invocation: Invocation) -> Iterator[ModuleType]:
    """The body as a module of this invocation alone: in Snowflake nothing lasts from one CALL to the next."""
    name = _module_name(invocation)
    module = ModuleType(name)
    module.__dict__["__builtins__"] = builtins_for(invocation.packages)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        exec(_compiled(invocation.body), module.__dict__)  # noqa: S102  running it is what this is for
        yield module
    finally:
        del sys.modules[name]


def _module_name(invocation: Invocation) -> str:
    return f"{_MODULE}_{invocation.number}"


@functools.lru_cache(maxsize=200)
def _compiled(body: str) -> CodeType:
    return compile(body, _FILE, "exec", dont_inherit=True)


def _handler(module: ModuleType, invocation: Invocation) -> Callable[..., Any]:
    found: Any = module
    for part in invocation.handler.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise NameError(f"The body has no function '{invocation.handler}'.")  # noqa: TRY004  nothing has a wrong type
    return found  # type: ignore[no-any-return]  # callable() tells mypy nothing of an Any


@contextlib.contextmanager
def _session(address: SessionAddress) -> Iterator[Any]:
    """A Snowpark session on the login that the emulator made for this invocation."""
    import snowflake.connector
    from snowflake.snowpark import Session
    from snowflake.snowpark.session import _remove_session

    connection = snowflake.connector.connect(
        account=address.account,
        user=address.user,
        role=address.role,
        warehouse=address.warehouse,
        database=address.database,
        schema=address.schema,
        host="127.0.0.1",
        port=address.port,
        protocol="http",
        session_token=address.token,
        master_token=address.token,
        paramstyle="qmark",
        application="procedure",
        login_timeout=10,
    )
    connection.telemetry_enabled = False
    session = Session.builder.configs({"connection": connection}).create()
    session.close = lambda: None  # as in Snowflake, where a handler cannot end the session that it was given
    try:
        yield session
    finally:
        _remove_session(session)
        atexit.unregister(session._close_at_exit)
        with contextlib.suppress(Exception):
            connection.close(retry=False)


def _traceback(error: BaseException) -> str:
    """The traceback without the frames of this package, its last lines if it is long."""
    told = traceback.TracebackException.from_exception(error)
    waiting = [told]
    while waiting:
        one = waiting.pop()
        one.stack = traceback.StackSummary.from_list(
            [frame for frame in one.stack if not Path(frame.filename).is_relative_to(_HERE)]
        )
        waiting += [linked for linked in (one.__cause__, one.__context__) if linked is not None]
    lines = "".join(told.format()).rstrip().splitlines()
    if len(lines) > _LINES_KEPT:
        lines = [lines[0], "  ...", *lines[-_LINES_KEPT:]]
    return "\n".join(lines)
