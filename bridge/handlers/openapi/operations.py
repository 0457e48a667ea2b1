"""One table of the HTTP routes: what each takes and answers. A test holds it equal to `function_app.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from bridge.handlers.dead_letters import DeadLettersQuery
from bridge.handlers.openapi import examples
from bridge.handlers.openapi.schemas import BATCH, RUN_ID_SCHEMA
from bridge.handlers.outbound import EventBody, MessageBody
from bridge.handlers.runs import CreateRunBody, RerunBody, RunsQuery

_VALUES = "A value for each row."
#: What may be wrong with any request that has a body: unreadable, too large, packed in an unknown way.
_BODY_PROBLEMS = (400, 413, 415)
#: The ledger or a queue refuses the app, or is away.
_OUTSIDE_PROBLEMS = (429, 502)
_RUN: Mapping[str, Mapping[str, Any]] = {"run_id": RUN_ID_SCHEMA}
_LETTER: Mapping[str, Mapping[str, Any]] = {"dead_letter_id": {"type": "string", "minLength": 1}}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A good answer: its schema's name and what came for the example."""

    schema: str
    example: Any
    description: str


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one route, named as its function is."""

    function: str
    method: str
    path: str
    summary: str
    answers: Mapping[int, Answer]
    #: Statuses of problems besides those that every route has.
    problems: tuple[int, ...] = ()
    body: type[BaseModel] | Mapping[str, Any] | None = None
    body_required: bool = True
    body_example: Any = None
    query: type[BaseModel] | None = None
    #: In the path, by their names.
    path_parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    takes_key: bool = False
    is_open: bool = False
    #: Where it is not the function's name, because the route has two methods.
    operation_id: str | None = None

    @property
    def is_batch(self) -> bool:
        """Whether Snowflake calls it."""
        return self.path.startswith("/snowflake/")


def _batch(name: str, summary: str, arguments: list[Any], value: Any, **more: Any) -> Operation:
    return Operation(
        function=f"snowflake_{name}",
        method="post",
        path=f"/snowflake/{name}",
        summary=summary,
        body=BATCH,
        body_example={"data": [[0, *arguments]]},
        answers={200: Answer(schema="Rows", example={"data": [[0, value]]}, description=_VALUES)}
        | more.pop("answers", {}),
        problems=(*_BODY_PROBLEMS, *_OUTSIDE_PROBLEMS),
        **more,
    )


_WAITING = Answer(schema="Waiting", example={"status": "WAITING"}, description="Ask again with GET and the same id.")
_STARTED = Answer(
    schema="AcceptedRun", example=examples.ACCEPTED, description="Queued; it runs once, whatever happens."
)

OPERATIONS: tuple[Operation, ...] = (
    _batch("submit_run", "Start a run for each row.", examples.RUN_ARGUMENTS, examples.ROW_ACCEPTED),
    _batch("cancel_run", "Ask for runs to be cancelled.", [examples.RUN_ID], examples.ROW_CANCELLED),
    _batch("rerun", "Start runs once more.", [examples.RUN_ID, None], examples.ROW_RERUN),
    _batch("replay", "Have dead letters handled again.", [examples.LETTER_ID], examples.ROW_REPLAYED),
    _batch(
        "run_and_wait", "Start a run for each row; its values come by GET.",
        examples.RUN_ARGUMENTS, examples.ROW_REJECTED,
        answers={202: _WAITING},
    ),
    Operation(
        function="snowflake_run_and_wait", method="get", path="/snowflake/run_and_wait",
        operation_id="snowflake_run_and_wait_result",
        summary="The values of a batch, once its runs have ended.",
        answers={
            200: Answer(schema="Rows", example={"data": [[0, examples.ROW_ENDED]]}, description=_VALUES),
            202: _WAITING,
        },
        problems=(400, *_OUTSIDE_PROBLEMS),
    ),
    _batch("publish_event", "Publish an event for each row.", examples.EVENT_ARGUMENTS, examples.PUBLISHED),
    _batch("send_message", "Send a message for each row.", examples.MESSAGE_ARGUMENTS, examples.SENT),
    _batch("ping", "Whether Snowflake reaches the app, and as whom.", [], examples.ROW_PING),
    Operation(
        function="create_run", method="post", path="/runs", summary="Start a run.",
        body=CreateRunBody, body_example=examples.RUN_BODY, takes_key=True,
        answers={
            200: Answer(schema="DryRun", example=examples.DRY_RUN, description="What a dry run would submit."),
            202: _STARTED,
        },
        problems=(*_BODY_PROBLEMS, 404, 409, 422, *_OUTSIDE_PROBLEMS),
    ),
    Operation(
        function="list_runs", method="get", path="/runs", summary="Runs from the ledger, newest first.",
        query=RunsQuery,
        answers={200: Answer(schema="Runs", example=examples.RUNS, description="A page of rows of RUNS.")},
        problems=(400, *_OUTSIDE_PROBLEMS),
    ),
    Operation(
        function="show_run", method="get", path="/runs/{run_id}", summary="One run, live from Azure ML.",
        path_parameters=_RUN,
        answers={200: Answer(schema="Run", example=examples.RUN, description="What is known of the run.")},
        problems=(404, *_OUTSIDE_PROBLEMS),
    ),
    Operation(
        function="cancel_run", method="post", path="/runs/{run_id}/cancel", summary="Ask for a run to be cancelled.",
        path_parameters=_RUN,
        answers={202: Answer(schema="CancelRequested", example=examples.CANCELLED, description="Queued.")},
        problems=(404, *_OUTSIDE_PROBLEMS),
    ),
    Operation(
        function="rerun", method="post", path="/runs/{run_id}/rerun", summary="Start a run once more.",
        path_parameters=_RUN, body=RerunBody, body_required=False, body_example=examples.RERUN_BODY, takes_key=True,
        answers={202: Answer(schema="AcceptedRun", example=examples.RERUN, description="Queued, as a new run.")},
        problems=(*_BODY_PROBLEMS, 404, 409, 422, *_OUTSIDE_PROBLEMS),
    ),
    Operation(
        function="list_dead_letters", method="get", path="/dead-letters", summary="Dead letters, newest first.",
        query=DeadLettersQuery,
        answers={200: Answer(schema="DeadLetters", example=examples.LETTERS, description="A page of DEAD_LETTERS.")},
        problems=(400, *_OUTSIDE_PROBLEMS),
    ),
    Operation(
        function="show_dead_letter", method="get", path="/dead-letters/{dead_letter_id}",
        summary="One dead letter with its whole body, as far as it was kept.", path_parameters=_LETTER,
        answers={200: Answer(schema="DeadLetter", example=examples.LETTER, description="A row of DEAD_LETTERS.")},
        problems=(404, *_OUTSIDE_PROBLEMS),
    ),
    Operation(
        function="replay_dead_letter", method="post", path="/dead-letters/{dead_letter_id}/replay",
        summary="Have a dead letter handled again.", path_parameters=_LETTER,
        answers={202: Answer(schema="Replayed", example=examples.REPLAYED, description="Queued.")},
        problems=(404, 409, 413, 422, *_OUTSIDE_PROBLEMS),
    ),
    Operation(
        function="create_event", method="post", path="/events", summary="Publish an event to an allowed topic.",
        body=EventBody, body_example=examples.EVENT_BODY, takes_key=True,
        answers={202: Answer(schema="Published", example=examples.PUBLISHED, description="The topic has it.")},
        problems=(*_BODY_PROBLEMS, 422, *_OUTSIDE_PROBLEMS),
    ),
    Operation(
        function="create_message", method="post", path="/messages", summary="Send a message to an allowed queue.",
        body=MessageBody, body_example=examples.MESSAGE_BODY, takes_key=True,
        answers={202: Answer(schema="Sent", example=examples.SENT, description="The queue has it.")},
        problems=(*_BODY_PROBLEMS, 404, 422, *_OUTSIDE_PROBLEMS),
    ),
    Operation(
        function="list_pipelines", method="get", path="/pipelines", summary="What can be run, with which inputs.",
        answers={200: Answer(schema="Pipelines", example=examples.PIPELINES, description="The catalogue.")},
    ),
    Operation(
        function="health", method="get", path="/health", summary="For probes: 503 while the app is not set up rightly.",
        answers={200: Answer(schema="Health", example=examples.HEALTH, description="It is set up rightly.")},
        is_open=True,
    ),
    Operation(
        function="openapi_document", method="get", path="/openapi.json", summary="This document.",
        answers={200: Answer(schema="Document", example=examples.DOCUMENT, description="OpenAPI 3.0.")},
    ),
)  # fmt: skip
