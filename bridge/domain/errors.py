"""Errors named by what must be done next: wait and retry, give up on the run, or put the message aside."""

from collections.abc import Sequence
from datetime import timedelta

from bridge.domain.masking import masked


class BridgeError(Exception):
    """The bridge could not do what it was asked to.

    Its text is for answers, rows and logs, and may repeat what a service said: it never has a secret.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(masked(message))


class ConfigurationError(BridgeError):
    """The app is set up wrongly; lists every problem found, so that one round of fixing is enough."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"{count} in the configuration:", *self.problems]))


class RetryableError(BridgeError):
    """A service could not answer now; the same call is expected to work later."""

    def __init__(self, message: str = "", *, retry_after: timedelta | None = None) -> None:
        #: What the service asked for, when it did.
        self.retry_after = retry_after
        super().__init__(message or self.__doc__ or "")


class Throttled(RetryableError):
    """The service asked for fewer calls."""


class Paced(Throttled):
    """The app itself keeps to what the service takes: nothing was sent, and there will be a place at `retry_after`."""

    def __init__(self, message: str = "", *, retry_after: timedelta) -> None:
        super().__init__(message, retry_after=retry_after)


class PipelineFull(Paced):
    """As many runs of the pipeline are active as pipelines.yaml allows."""


class ServiceUnavailable(RetryableError):
    """The service could not be reached, failed, or did not answer in time."""


class PermanentError(BridgeError):
    """Asking again would be answered the same way."""

    def __init__(self, message: str, *, code: str) -> None:
        #: A short upper-case word for `RUNS.ERROR_CODE`.
        self.code = code
        super().__init__(message)


class SubmissionRejected(PermanentError):
    """Azure ML refused the job."""


class AccessDenied(PermanentError):
    """The app's identity may not do this."""


class JobExists(PermanentError):
    """A job of this name exists with other contents."""


class RefusedData(PermanentError):
    """The ledger refused a statement because of the values in it."""


class Unauthenticated(BridgeError):
    """The caller did not prove who it is."""


class CallerRefused(BridgeError):
    """The caller has proved who it is, and may not call."""


class PoisonMessage(BridgeError):
    """The content of a message can never be handled."""
