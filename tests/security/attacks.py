"""Bodies that are an attack by themselves, whoever sends them."""

import gzip
import json
from collections.abc import Iterator

from tests.security.target import GOOD, MARK, Attack

#: Those that are asked for by name; each has to be found in one of the test files here.
NAMED = (
    "no key", "wrong key", "expired token", "foreign tenant", "wrong audience", "forged platform header",
    "forbidden pipeline", "forbidden role", "oversized", "deeply nested", "zip bomb", "injection strings",
)  # fmt: skip
SUBMIT = "/snowflake/submit_run"
MEGABYTE = 1024 * 1024
#: More than any request may have once it is unpacked.
TOO_MUCH = 40 * MEGABYTE
STRINGS = (
    f"'; DROP TABLE RUN_EVENTS; -- {MARK}",
    f'" OR ""="{MARK}',
    f"${{jndi:ldap://127.0.0.1/{MARK}}}",
    f"{{{{7*7}}}}<% {MARK} %>",
    f"../../etc/passwd {MARK}",
    f"{MARK}\r\nWARNING bridge forged line",
    f"<script>alert('{MARK}')</script>",
    f"$(touch {MARK})`id`",
    f"{MARK}\u202e\x00\x1b[31m",
    f"%s%n{{0.__class__}}{MARK}",
)


def oversized() -> Iterator[Attack]:
    body = json.dumps({"pipeline": "for-everybody", "inputs": {"as_of": MARK + "x" * TOO_MUCH}}).encode()
    rows = json.dumps({"data": [[0, "for-everybody", {"as_of": MARK + "x" * TOO_MUCH}, None]]}).encode()
    yield Attack(status=413, body=body, logged="413")
    yield Attack(status=413, path=SUBMIT, body=rows, logged="413")


def deeply_nested() -> Iterator[Attack]:
    for depth in (1000, 200_000):
        for opened, closed in (("[", "]"), ('{"a":', "}")):
            deep = opened * depth + f'"{MARK}"' + closed * depth
            rows = f'{{"data": [[0, "for-everybody", {{"as_of": {deep}}}, null]]}}'
            yield Attack(status=400, body=f'{{"pipeline": "p", "inputs": {{"x": {deep}}}}}'.encode(), logged="400")
            yield Attack(status=400, path=SUBMIT, body=rows.encode(), logged="400")


def zip_bombs() -> Iterator[Attack]:
    bomb = gzip.compress(b"[" + MARK.encode() + b" " * (200 * MEGABYTE), 9)
    assert len(bomb) < MEGABYTE
    for path in (SUBMIT, "/runs"):
        yield Attack(status=413, path=path, body=bomb, headers={"content-encoding": "gzip"}, logged="413")
        # One within the other: the outer one alone would be small.
        yield Attack(
            status=400, path=path, body=gzip.compress(bomb), headers={"content-encoding": "gzip"}, logged="400"
        )


def injections() -> Iterator[Attack]:
    for text in STRINGS:
        named = {"pipeline": text, "inputs": GOOD}
        yield Attack(status=404, body=named, logged="1 UNKNOWN_PIPELINE (no pipeline)")
        valued = {"pipeline": "for-everybody", "inputs": {"as_of": text}}
        yield Attack(status=422, body=valued, logged="(for-everybody)")
        misnamed = {"pipeline": "for-everybody", "inputs": {**GOOD, text: 1}}
        yield Attack(status=422, body=misnamed, logged="1 UNKNOWN_INPUT (for-everybody)")
        yield Attack(status=400, body={**named, text: text}, logged="another form")
        row = {"data": [[0, text, {"as_of": text}, None], [1, text, {text: text}, None]]}
        yield Attack(status=200, path=SUBMIT, body=row, logged="2 UNKNOWN_PIPELINE", row_code="UNKNOWN_PIPELINE")
        row = {"data": [[0, text]]}
        yield Attack(status=200, path="/snowflake/cancel_run", body=row, logged="BAD_RUN_ID", row_code="BAD_RUN_ID")
