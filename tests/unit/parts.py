"""Records as `record_events` takes them."""

from bridge.domain.records import Records
from bridge.payloads.records import row_texts
from bridge.services.record_events import Part


def parts(*records: Records) -> list[Part]:
    return [Part(rows=row_texts(each), read=lambda found=each: found) for each in records]  # type: ignore[misc]  # a default
