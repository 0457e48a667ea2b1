"""Says where the running stack is, for `python -m bridge … --local`, in a file that goes when the stack goes."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def announced(document: Mapping[str, Any], file: Path) -> Iterator[str]:
    """One line about where `document` can be found meanwhile.

    The first stack has the file until it ends, however it ends: a second one leaves it alone, and says so.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _taken(file)
    except OSError as error:
        yield f"--local does not find this stack: {file}: {error.strerror}"
        return
    if descriptor is None:
        yield f"--local means another stack, that of {file}: for this one set BRIDGE_ENDPOINTS to another file"
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(document, indent=2) + "\n")
        stream.flush()
        try:
            yield f"for `python -m bridge … --local`: {file}"
        finally:
            file.unlink(missing_ok=True)


def _taken(file: Path) -> int | None:
    """The file, empty, for the owner's eyes only, and locked; None when another process has it."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _is_still(file, descriptor):
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
            return descriptor
        os.close(descriptor)  # its owner removed it in between


def _is_still(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
