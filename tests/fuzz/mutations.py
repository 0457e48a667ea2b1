"""What schemathesis does not do to a request: bytes that are no JSON, wrong encodings, hostile names and paths.

Every change takes a seeded `Random`, so the same seed makes the same requests.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import quote

from tests.fuzz.request import Request

Change = Callable[[Request, Random], Request]

#: JSON texts that a value is replaced with.
NASTY_JSON = (
    *("null", "true", "[]", "{}", "0", "-0", "-1", "1.5", "1e400", "-1e-400", "1E+999999999", "NaN", "Infinity"),
    *("-Infinity", "9" * 400, "9" * 5000, "0." + "1" * 5000, "2147483648", "9223372036854775808"),
    *('""', '" "', r'"\ud800"', r'"\udc00\ud800"', r'"\u0000"', r'"\uffff"', r'"\u202e"', '"é"', '"😀"', r'"\u0661"'),
    *('"' + "x" * 20_000 + '"', "'x'", "undefined", "1_000", "0x10", "01", ".5", "+1", "[1,]", '{"a":1,}', '{"":{}}'),
    *('{"a":1,"a":2}', "[[[[[[]]]]]]"),
    *('"9999-12-31T23:59:59-14:00"', '"0001-01-01T00:00:00+14:00"', '"2026-02-30"', '"9999-99-99"', '"24:00"', '"-1"'),
    *('"../../etc/passwd"', "\"'; DROP TABLE RUN_EVENTS; --\"", '"${jndi:ldap://127.0.0.1}"', '"{{7*7}}"', '"%s%n"'),
    *('{"__proto__":{}}', '{"$ref":"#"}', "[" * 90 + "]" * 90, "[" * 130 + "]" * 130, '{"a":' * 110 + "1" + "}" * 110),
)  # fmt: skip
#: Whole bodies.
NASTY_BODIES: tuple[bytes, ...] = (
    b"", b" ", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf{}", b"{", b"}", b"null", b"[]", b'"', b"{]", b"{}{}",
    b"\xed\xa0\x80", b'"\xc3\x28"', b"<x/>", b"a=b&c=d", b"--b\r\nContent-Disposition: x\r\n\r\n--b--", b"\x1f\x8b\x08",
    b"\x00" * 1000, b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000, b"9" * 100_000, b"-" * 1000,
    b'{"data":[' + b"[0]," * 2000 + b"[1]]}", b'{"data":[[0],[0]]}', b'{"data":[[1e2]]}', b'{"data":[[true]]}',
    b'{"data":[[-99999999999999999999]]}', b'{"data":{}}', b'{"data":[]}',
    b'{"data":[[0,"churn-training",{"as_of":"2026-11-01"},"k",5]]}',
)  # fmt: skip
NASTY_TEXTS = (
    *("", " ", "0", "-1", "1e9", "99999999999999999999", "\u0661", "x" * 300, "x" * 5000, "null", "a,b", "é"),
    *("😀", "\u202e", "'", '"', "';--", "%", "%%", "..", ".", "a b", "a+b", "a\tb", "a\x7fb", "a\x00b", "2026-11-01"),
    *("2026-11-01T00:00:00+99:99", "2026-11-01T24:00:00Z", "1e400"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "NaN", "inf", "true", "r-" + "a" * 26, "R-" + "A" * 26),
)  # fmt: skip
NASTY_SEGMENTS = (
    *("%2F", "%2f..%2f", "%00", "%ff", "%C3%28", "%ED%A0%80", "..", ".", "%2e%2e", "%0d%0aX:1", "%F0%9F%98%80", "%25"),
    *("%u0041", "r-" + "a" * 26, "R-" + "A" * 26, "r-" + "a" * 25, "r-" + "1" * 26, "r-" + "a" * 26 + "%0A", ";a=b"),
    *("x" * 3000, "'%20OR%201=1", "*"),
)  # fmt: skip
METHODS = ("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "GET", "POST", "BREW", "get")
CONTENT_TYPES = (
    *("text/plain", "application/xml", "multipart/form-data", "multipart/form-data; boundary=", "application/json;"),
    *("application/json; charset=utf-16", "application/x-www-form-urlencoded", "", "x", "text/html; charset=\xff"),
)
HEADERS = (
    "x-correlation-id", "traceparent", "idempotency-key", "sf-external-function-query-batch-id", "authorization",
    "sf-external-function-current-query-id", "x-bridge-source", "content-encoding", "accept", "cookie", "range",
    "x-forwarded-for", "x-ms-client-principal", "sf-context-current-role", "if-none-match", "x-http-method-override",
    "x-functions-key",
)  # fmt: skip
QUERIES = (
    "status",
    "pipeline",
    "query_batch_id",
    "since",
    "limit",
    "offset",
    "queue",
    "run_id",
    "code",
    "x",
    "",
    "limit[]",
)


def _one_line(text: bytes) -> bytes:
    """As HTTP can carry it: what has control characters is refused by every front end and never reaches the app."""
    return text.translate(None, bytes([*range(9), *range(10, 32), 127]))


def whole_body(request: Request, random: Random) -> Request:
    return replace(request, body=random.choice(NASTY_BODIES))


def flipped_bytes(request: Request, random: Random) -> Request:
    body = bytearray(request.body or b"{}")
    for _ in range(random.randint(1, 4)):
        body[random.randrange(len(body))] = random.randrange(256)
    return replace(request, body=bytes(body))


def cut_body(request: Request, random: Random) -> Request:
    return replace(request, body=request.body[: random.randrange(len(request.body) + 1)])


def doubled_body(request: Request, random: Random) -> Request:
    start = random.randrange(len(request.body) + 1)
    return replace(
        request, body=request.body[:start] + request.body[random.randrange(len(request.body) + 1) :] + request.body
    )


def other_charset(request: Request, random: Random) -> Request:
    text = request.body.decode("utf-8", "replace")
    charset = random.choice(("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "utf-7", "cp500"))
    return replace(request, body=text.encode(charset, "replace"))


def odd_value(request: Request, random: Random) -> Request:
    """One value somewhere in the JSON becomes a hostile one; text is put in, because much of it is no JSON."""
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        return replace(request, body=random.choice(NASTY_JSON).encode())
    marker = "\x01marker\x01"
    changed = _marked(document, random, marker)
    text = json.dumps(changed).replace(json.dumps(marker), random.choice(NASTY_JSON), 1)
    return replace(request, body=text.encode("utf-8", "surrogatepass"))


def _marked(value: Any, random: Random, marker: str) -> Any:
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(list(value))
        if random.random() < 0.1:
            other = random.choice(NASTY_TEXTS)
            return {other if key == name else key: item for key, item in value.items()}
        return {**value, name: _marked(value[name], random, marker)}
    if isinstance(value, list) and value and random.random() < 0.9:
        position = random.randrange(len(value))
        return [_marked(item, random, marker) if at == position else item for at, item in enumerate(value)]
    return marker


def packed(request: Request, random: Random) -> Request:
    """Rightly packed, wrongly packed, packed twice, cut off, or packed as something else."""
    small = request.body
    choices: list[tuple[str, Callable[[], bytes]]] = [
        ("gzip", lambda: gzip.compress(small, mtime=0)),
        ("deflate", lambda: zlib.compress(small)),
        ("x-gzip", lambda: gzip.compress(small, mtime=0)[:-3]),
        ("gzip", lambda: small),
        ("deflate", lambda: random.randbytes(50)),
        ("gzip", lambda: gzip.compress(gzip.compress(small, mtime=0), mtime=0)),
        ("gzip", lambda: gzip.compress(small, mtime=0) + b"rest"),
        ("gzip", lambda: b"\x1f\x8b" + random.randbytes(60)),
        ("gzip, gzip", lambda: gzip.compress(small, mtime=0)),
        ("br", lambda: small),
        ("", lambda: small),
        ("identity", lambda: small),
    ]
    name, pack = random.choice(choices)
    return replace(request, headers=request.with_header("content-encoding", name), body=pack())


def odd_content_type(request: Request, random: Random) -> Request:
    return replace(request, headers=request.with_header("content-type", random.choice(CONTENT_TYPES)))


def odd_header(request: Request, random: Random) -> Request:
    name = random.choice(HEADERS)
    value = (
        _one_line(random.choice(NASTY_TEXTS).encode())
        if random.random() < 0.8
        else random.randbytes(20).translate(None, b"\r\n\x00")
    )
    if random.random() < 0.2:  # once more beside what is there
        return replace(request, headers=(*request.headers, (name, value)))
    return replace(request, headers=request.with_header(name, value))


def odd_query(request: Request, random: Random) -> Request:
    path, _, query = request.target.partition("?")
    pairs = [
        f"{quote(random.choice(QUERIES))}={quote(random.choice(NASTY_TEXTS))}" for _ in range(random.randint(1, 3))
    ]
    if random.random() < 0.1:
        pairs.append(random.choice(("&&&", "=", "a=%ff", "a=%", "a;b", "?", "since=%00", "limit=1&limit=2")))
    return replace(request, target=f"{path}?{'&'.join(filter(None, [query, *pairs]))}")


def odd_segment(request: Request, random: Random) -> Request:
    """In the place of an id; where the route has none, somewhere in the path."""
    path, mark, query = request.target.partition("?")
    parts = path.split("/")
    template = request.operation.split("/")
    at = [len(parts) - len(template) + index for index, part in enumerate(template) if part.startswith("{")]
    position = random.choice(at) if at else random.randrange(1, len(parts))
    parts[position] = random.choice(NASTY_SEGMENTS)
    return replace(request, target="/".join(parts) + mark + query, on_route=False)


def odd_path(request: Request, random: Random) -> Request:
    path, mark, query = request.target.partition("?")
    path = random.choice(
        (path + "/", path.upper(), path.replace("/v1", "//v1"), path + "/x", path + "%20", "/" + path, path[:-1])
    )
    return replace(request, target=path + mark + query, on_route=False)


def other_method(request: Request, random: Random) -> Request:
    return replace(request, method=random.choice(METHODS))


def without_key(request: Request, random: Random) -> Request:
    if random.random() < 0.5:
        return replace(request, headers=request.without_header("x-functions-key"))
    return replace(
        request, headers=request.with_header("x-functions-key", _one_line(random.choice(NASTY_TEXTS).encode()))
    )


#: How often each change is chosen.
OF_BODIES: Mapping[Change, int] = {
    odd_value: 8,
    flipped_bytes: 3,
    cut_body: 2,
    doubled_body: 1,
    whole_body: 2,
    other_charset: 1,
    packed: 3,
    odd_content_type: 2,
}
OF_REQUESTS: Mapping[Change, int] = {odd_header: 4, odd_query: 2, odd_path: 1, other_method: 1, without_key: 1}


def mutated(request: Request, random: Random) -> Request:
    """The request with one to three changes."""
    weights = dict(OF_REQUESTS)
    if request.meant == "POST":
        weights |= OF_BODIES
    else:
        weights[odd_query] = 8
    if "{" in request.operation:
        weights[odd_segment] = 4
    for change in random.choices(list(weights), list(weights.values()), k=random.choice((1, 1, 1, 2, 3))):
        request = change(request, random)
    return request
