"""Azure ML, as far as runs need it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from bridge.domain.jobs import Job, JobDetails, JobRequest


class JobClient(Protocol):
    """Azure ML's jobs, by workspace name.

    Raises: RetryableError when AML could not answer; Paced, without asking it, when the process would exceed what AML
    takes, or AML has asked for a pause; AccessDenied; SubmissionRejected.
    """

    def prepare(self, workspace: str) -> None:
        """Do what the first submission would wait for; without it that one takes longer. Calls nobody."""

    def submit(self, request: JobRequest) -> Job:
        """Create the job, or return it when it exists with the same contents.

        Raises: JobExists when a job of this name has other contents.
        """

    def get(self, workspace: str, name: str) -> Job | None:
        """The job, or None when AML knows none of this name."""

    def details(self, workspace: str, name: str) -> JobDetails:
        """Times, error and outputs from the job's run history; empty when there is none yet."""

    def cancel(self, workspace: str, name: str) -> None:
        """Ask AML to cancel; returns before it is done."""

    def tagged(self, workspace: str, tag: str, *, since: datetime, pages: int) -> Iterable[Job]:
        """Jobs with a tag of this name, newest first, back to `since`, in at most `pages` reads."""
