"""Keeps a pipeline's active runs to its limit: Azure ML says how many there are, every half minute in each process."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from bridge.domain import statuses, tags
from bridge.domain.errors import PermanentError, PipelineFull, RetryableError, Throttled
from bridge.domain.jobs import JobRequest
from bridge.domain.pipelines import Pipeline
from bridge.ports import Bridge
from bridge.services.find_job import is_ours

#: A job that is older than so many pages of its pipeline is taken as ended.
PAGES = 40
#: AML lets no job live longer.
LONGEST_JOB = timedelta(days=31)
#: A job that has passed its timeout takes a while to be noticed, and to stop.
SLOW_TO_STOP = timedelta(hours=2)


@contextmanager
def place_for(request: JobRequest, pipeline: Pipeline, bridge: Bridge) -> Iterator[None]:
    """A place for the job that is made inside; it is free again when it is certain that no job was made.

    Raises: PipelineFull; RetryableError when AML does not say how many runs are active.
    """
    if pipeline.max_active_runs is None:
        yield
        return
    _count(request.workspace, pipeline, pipeline.max_active_runs, bridge)
    if not bridge.places.take(pipeline.name, request.name, bridge.clock.now()):
        wait = bridge.places.next_look(pipeline.name, bridge.clock.now())
        raise PipelineFull(f"{pipeline.max_active_runs} runs of {pipeline.name} are active", retry_after=wait)
    try:
        yield
    except (Throttled, PermanentError):
        bridge.places.give_back(pipeline.name, request.name)
        raise


def _count(workspace: str, pipeline: Pipeline, limit: int, bridge: Bridge) -> None:
    places, now = bridge.places, bridge.clock.now()
    if places.is_known(pipeline.name, now):
        return
    with places.asking(pipeline.name, now):
        if places.is_known(pipeline.name, now):
            return
        since = now - (pipeline.timeout + SLOW_TO_STOP if pipeline.timeout else LONGEST_JOB)
        listed, active = set(), 0
        try:
            for job in bridge.jobs.tagged(workspace, tags.of_pipeline(pipeline.name), since=since, pages=PAGES):
                listed.add(job.name)
                active += is_ours(job, bridge) and not statuses.is_terminal(job.status)
                if active >= limit:
                    break
        except PermanentError as error:  # as long as AML refuses to say, the run is neither failed nor submitted
            raise RetryableError(f"AML does not say which runs are active: {error}") from error
        places.saw(pipeline.name, limit=limit, active=active, listed=frozenset(listed), now=now)
