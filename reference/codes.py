"""What each code of a refused request means, and what its caller does then."""

from dataclasses import dataclass

from bridge.handlers.runs import REJECTION_STATUS


@dataclass(frozen=True, kw_only=True)
class Code:
    """A word in `error.code` of a row and in `code` of a problem."""

    name: str
    meaning: str
    mend: str
    #: Where it differs from the one that rejections have.
    status: str = ""

    @property
    def http(self) -> str:
        return self.status or str(REJECTION_STATUS.get(self.name, 422))


_CORRECT = "Correct the input that `field` names."
CODES = (
    Code(name="UNKNOWN_PIPELINE", meaning="`pipelines.yaml` has no such pipeline.", mend="`GET /pipelines` has them."),
    Code(
        name="NOT_ALLOWED",
        meaning="`allow` of the pipeline does not name the caller; or topic, queue or event type are not for callers.",
        mend="Have the principal or role added, or the topic or queue to `ALLOWED_TOPICS` or `ALLOWED_QUEUES`.",
    ),
    Code(name="UNKNOWN_INPUT", meaning="The pipeline has no such input.", mend="The message names the nearest one."),
    Code(name="MISSING_INPUT", meaning="A required input is not there.", mend="Give it."),
    Code(
        name="NULL_INPUT",
        meaning="An input is null.",
        mend="Give a value, or leave the input out to get its default.",
    ),
    Code(name="TOO_MANY_INPUTS", meaning="More than 200 inputs.", mend="Pass a table's name or a path."),
    Code(name="WRONG_TYPE", meaning='The value has another type; `"5"` is no integer.', mend=_CORRECT),
    Code(name="NOT_ALLOWED_VALUE", meaning="The value is not in the input's `enum`.", mend=_CORRECT),
    Code(name="OUT_OF_RANGE", meaning="The value is below `min` or above `max`.", mend=_CORRECT),
    Code(name="BAD_PATTERN", meaning="The text does not match the input's `pattern`.", mend=_CORRECT),
    Code(name="BAD_CHARACTER", meaning="The text has characters that Azure ML does not take.", mend=_CORRECT),
    Code(name="TOO_LONG", meaning="The text has more than 4,000 characters, or than `max_length`.", mend=_CORRECT),
    Code(
        name="TOO_LARGE",
        meaning="A run's request is over 192 KB, an event over 900 KB, or the whole request over a limit.",
        mend="Pass a table's name or a path, not the data. [Limits](../SECURITY.md#limits).",
    ),
    Code(name="BAD_ROW", meaning="The arguments of a row do not fit the function.", mend="The message says which."),
    Code(
        name="BAD_KEY",
        status="400, 422",
        meaning="The idempotency key is empty, over 500 characters or unprintable; or a rerun's key is its original's.",
        mend="Give another key.",
    ),
    Code(
        name="BAD_RUN_ID",
        status="404",
        meaning="It is no id of a run.",
        mend="Ids look like `r-` and 26 characters.",
    ),
    Code(
        name="IDEMPOTENCY_CONFLICT",
        status="rows only",
        meaning="Two rows of one request have the same key and different inputs.",
        mend="Give each run a key of its own.",
    ),
    Code(
        name="UNKNOWN_RUN",
        meaning="The ledger does not have the run, perhaps not yet.",
        mend="Wait for `RECORD_WINDOW_SECONDS` and half a minute; then check the id.",
    ),
    Code(
        name="INPUTS_NOT_KEPT",
        meaning="The inputs were too large for the ledger, so it cannot be run again from there.",
        mend="Send the request anew.",
    ),
    Code(
        name="UNKNOWN_DEAD_LETTER",
        meaning="`DEAD_LETTERS` does not have it, perhaps not yet.",
        mend="As for `UNKNOWN_RUN`.",
    ),
    Code(
        name="BODY_CUT",
        meaning="The message was longer than what is kept of it.",
        mend="Send the request anew.",
    ),
    Code(name="UNREADABLE", meaning="The message cannot be read.", mend="Send a corrected request."),
    Code(
        name="UNKNOWN_DOOR",
        meaning="It is not known which subscription delivered the event.",
        mend="Publish it anew.",
    ),
    Code(name="UNKNOWN_QUEUE", meaning="Service Bus has no such queue.", mend="Make it, or correct `ALLOWED_QUEUES`."),
    Code(name="EVENT_REFUSED", meaning="Event Grid did not take the event.", mend="The message has its answer."),
    Code(
        name="ACCESS_DENIED",
        meaning="The app's identity may not do this in Azure.",
        mend="Give it the role: [SECURITY.md](../SECURITY.md#least-privilege).",
    ),
)
