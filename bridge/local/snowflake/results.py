"""Reading an answer again inside the emulator: the value of an argument, the outcome of a task's condition."""

import base64
from typing import Any

import pyarrow as pa

from bridge.local.snowflake.answers import JsonObject


def first_row(answer: JsonObject) -> list[Any]:
    """The values of the first row of a statement that succeeded; texts and booleans as they are."""
    data = answer["data"]
    if data.get("rowset"):
        return list(data["rowset"][0])
    encoded = data.get("rowsetBase64")
    if not encoded:
        return []
    with pa.ipc.open_stream(base64.b64decode(encoded)) as stream:
        table = stream.read_all()
    return [column[0].as_py() for column in table.columns] if table.num_rows else []
