"""proton's event loop in a thread of its own, and the way into it from other threads."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from proton.reactor import ApplicationEvent, Container, EventInjector

T = TypeVar("T")

log = logging.getLogger(__name__)

CALL_SECONDS = 10.0


class BrokerLoop:
    """Runs one event handler; everything that touches its state must come through `call` or `submit`."""

    def __init__(self, handler: Any) -> None:
        self._container = Container(_Guarded(handler))
        self._container.container_id = "servicebus-emulator"
        self._injector = EventInjector()
        self._container.selectable(self._injector)
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
        #: Called from the thread when it ends, which it never should.
        self.on_end: Callable[[], None] = lambda: None

    @property
    def container(self) -> Any:
        return self._container

    def start(self) -> None:
        self._thread.start()

    def submit(self, function: Callable[[], T]) -> "Future[T]":
        """Have the loop run `function`."""
        future: Future[T] = Future()
        self._injector.trigger(ApplicationEvent("call", subject=_Call(function, future)))
        return future

    def call(self, function: Callable[[], T]) -> T:
        """`submit`, and wait."""
        return self.submit(function).result(CALL_SECONDS)

    def every(self, seconds: float, function: Callable[[], None]) -> None:
        """Run `function` again and again; to be called in the loop."""
        self._container.schedule(seconds, _Guarded(_Repeated(self, seconds, function)))

    def _run(self) -> None:
        try:
            self._container.run()
        except Exception:
            log.exception("the broker's loop has ended")
        finally:
            self.on_end()


class _Call:
    def __init__(self, function: Callable[[], Any], future: "Future[Any]") -> None:
        self._function = function
        self._future = future

    def run(self) -> None:
        if not self._future.set_running_or_notify_cancel():
            return
        try:
            self._future.set_result(self._function())
        except Exception as error:
            self._future.set_exception(error)


class _Repeated:
    def __init__(self, loop: BrokerLoop, seconds: float, function: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._function = function

    def on_timer_task(self, _event: Any) -> None:
        try:
            self._function()
        finally:
            self._loop.every(self._seconds, self._function)


class _Guarded:
    """Passes every event on. proton ends its loop at a handler's first exception: here it is logged and forgotten."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def on_call(self, event: Any) -> None:
        event.subject.run()

    def on_unhandled(self, method: str, event: Any) -> None:
        handle = getattr(self._target, method, None)
        if handle is None:
            return
        try:
            handle(event)
        except Exception:
            log.exception("%s failed", method)
