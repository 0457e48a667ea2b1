"""What the app's log may say: no secret, no line that somebody else has written, and what each line is about.

Every record of the process passes here when it is made, whoever logs it and whichever handler writes it: a filter of a
logger would not see what its children log, and the platform adds handlers of its own after the app has started.
"""

import logging
import traceback
from collections.abc import Callable
from typing import Any

from bridge.domain.context import known
from bridge.domain.masking import masked

#: Begins every line of a record but its first, so that no text can pretend to be a record of its own.
GOES_ON = "\n| "
#: Before the names of what a record is about, so that they meet no name of the platform's; as on spans.
PREFIX = "bridge."
#: Loggers of the app.
OURS = "bridge."
#: Control characters, and those that turn the direction of writing.
_UNPRINTABLE = {
    code: f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"
    for code in (*range(9), *range(10, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


class _SafeRecords:
    """Makes records that can be shown to anybody who may read the log; who made them before still adds its fields."""

    def __init__(self, inner: Callable[..., logging.LogRecord]) -> None:
        self._inner = inner
        self.ids_in_text = False

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._inner(*args, **kwargs)
        try:
            text = record.getMessage()
        except Exception:  # the arguments do not fit; logging itself would print them as they are
            text = str(record.msg)
        about = {name: _lines(masked(value)) for name, value in known().items()}
        record.msg, record.args = _lines(masked(text)), None
        if self.ids_in_text and about and record.name.startswith(OURS):
            record.msg += f" [{', '.join(f'{name} {value}' for name, value in about.items())}]"
        if record.exc_info and record.exc_info[1] is not None:
            told = "".join(traceback.format_exception(record.exc_info[1]))
            safe = masked(told)
            record.exc_text = GOES_ON.lstrip("\n") + _lines(safe)
            if safe != told:  # a handler that looks into the exception itself would find the secret there
                record.exc_info = None
        record.stack_info = _lines(masked(record.stack_info)) if record.stack_info else None
        for name, value in about.items():
            setattr(record, PREFIX + name, value)
        return record


def install(*, ids_in_text: bool = False) -> None:
    """For the whole process. `ids_in_text`: where nobody shows a record's fields, a line of ours ends with them."""
    installed = logging.getLogRecordFactory()
    if not isinstance(installed, _SafeRecords):
        installed = _SafeRecords(installed)
        logging.setLogRecordFactory(installed)
    installed.ids_in_text = ids_in_text


def _lines(text: str) -> str:
    if text.isprintable():
        return text
    return GOES_ON.join(line.translate(_UNPRINTABLE) for line in text.splitlines())
