"""Results in the Arrow form that the connectors read.

fakesnow makes a struct of a timestamp but does not mark the NULLs among them, which connector 5.x refuses to read.
"""

from base64 import b64encode
from typing import Any

import fakesnow.arrow
import pyarrow as pa
import pyarrow.compute as pc

_unmasked = fakesnow.arrow.timestamp_to_sf_struct


def _masked(column: Any) -> Any:
    """The struct of each timestamp, NULL where the timestamp is NULL."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.null_count == 0:
        return _unmasked(array)
    filled = _unmasked(pc.fill_null(array, pa.scalar(0, array.type)))
    fields = [filled.type.field(place) for place in range(filled.type.num_fields)]
    return pa.StructArray.from_arrays(filled.flatten(), fields=fields, mask=pc.is_null(array))


fakesnow.arrow.timestamp_to_sf_struct = _masked


def encoded(table: Any, rowtype: list[Any]) -> str:
    """The rows as the base64 text of an Arrow stream; no text at all without rows: 4.x cannot read such a stream."""
    if table.num_rows == 0:
        return ""
    return b64encode(fakesnow.arrow.to_ipc(fakesnow.arrow.to_sf(table, rowtype))).decode()
