"""Runs the checks: all at once, those that need others after them, none for longer than its time."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bridge.adapters.loading import load_shared
from bridge.doctor.findings import Finding, Status, fail, skipped
from bridge.doctor.subject import Subject
from bridge.domain.errors import AccessDenied, BridgeError

#: One group of checks may take.
SECONDS = 25.0


@dataclass(frozen=True, kw_only=True)
class Group:
    """Checks about one thing, made one after the other."""

    name: str
    check: Callable[[Subject], Iterator[Finding]]
    #: Groups without which this one finds nothing new: when one of them fails, this one is left out.
    needs: tuple[str, ...] = ()
    #: Groups whose findings this one looks at.
    after: tuple[str, ...] = ()
    #: How the settings begin that it is about: when one of them is wrong, this one is left out.
    settings: tuple[str, ...] = ()


@dataclass
class _Progress:
    findings: list[Finding] = field(default_factory=list)
    #: When its checks began, by the process's clock.
    started: threading.Event = field(default_factory=threading.Event)
    started_at: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, finding: Finding) -> None:
        with self.lock:
            if not self.done.is_set():  # who comes too late is not heard
                self.findings.append(finding)


class Examination:
    """One round of all groups over one subject."""

    def __init__(self, subject: Subject, groups: Sequence[Group], seconds: float = SECONDS) -> None:
        self._subject = subject
        self._groups = groups
        self._seconds = seconds
        self._progress = {group.name: _Progress() for group in groups}

    def findings(self) -> Iterator[tuple[str, Sequence[Finding]]]:
        """Group by group in their order, each as soon as it and those before it are done."""
        load_shared(for_submissions=True)  # in one thread, as long as there is only one
        for group in self._groups:
            # No pool: the interpreter would not end before a pool's threads do, and a service may be silent.
            threading.Thread(target=self._run, args=[group], name=f"doctor {group.name}", daemon=True).start()
        for group in self._groups:
            yield group.name, self._finished(group)

    def _finished(self, group: Group) -> Sequence[Finding]:
        progress = self._progress[group.name]
        progress.started.wait()  # groups stand behind those that they wait for, which have come to an end
        if not progress.done.wait(max(0.0, progress.started_at + self._seconds - time.monotonic())):
            what = f"{group.name} took longer than {self._seconds:g} seconds"
            progress.add(fail(group.name, what, cause="a service does not answer", mend="try again"))
            progress.done.set()
        return [finding.without_secrets() for finding in progress.findings]

    def _run(self, group: Group) -> None:
        progress = self._progress[group.name]
        for name in (*group.needs, *group.after):
            self._progress[name].done.wait()
        progress.started_at = time.monotonic()
        progress.started.set()
        reason = self._reason_to_skip(group)
        if reason is not None:
            progress.add(skipped(group.name, f"{group.name}: not looked at", reason))
        else:
            self._check(group, progress)
        progress.done.set()

    def _check(self, group: Group, progress: _Progress) -> None:
        try:
            for finding in group.check(self._subject):
                progress.add(finding)
        except AccessDenied as error:
            # It says something of who looks, and nothing of what could have been seen.
            mend = f"give who runs the doctor the role Reader at what is named here, and the checks of {group.name}"
            what = f"{group.name}: the rest may not be looked at"
            progress.add(skipped(group.name, what, str(error), mend=f"{mend} say more"))
        except BridgeError as error:
            progress.add(fail(group.name, f"{group.name} could not be looked at", cause=str(error), mend="try again"))
        except Exception as error:
            # Whatever it was, the other groups are told all the same.
            cause = f"a defect of the doctor: {type(error).__name__}: {error}"
            progress.add(fail(group.name, f"{group.name} could not be looked at", cause=cause, mend="report it"))

    def _reason_to_skip(self, group: Group) -> str | None:
        for name in group.needs:
            for finding in self._progress[name].findings:
                if finding.status is Status.FAIL:
                    return f"it needs {finding.check}: {finding.what}"
                if finding.status is Status.SKIPPED:
                    return finding.cause
        wrong = [name for name in self._subject.wrong_settings if name.startswith(group.settings)]
        return f"it needs the setting {', '.join(sorted(wrong))}" if wrong else None
