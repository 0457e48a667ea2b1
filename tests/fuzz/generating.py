"""Requests from the document that the app serves: schemathesis' own, and changed copies of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.schemas import APIOperation

from tests.fuzz.mutations import mutated
from tests.fuzz.request import Request

PREFIX = "/api/v1"
#: Changed copies of each request.
COPIES = 7
#: Shares of operations that have the laptop's Snowflake or Azure ML asked, which answer a dozen times a second.
SLOW = {
    "GET /runs": 0.1,
    "GET /runs/{run_id}": 0.15,
    "GET /dead-letters": 0.15,
    "GET /dead-letters/{dead_letter_id}": 0.15,
    "POST /runs/{run_id}/cancel": 0.3,
    "POST /runs/{run_id}/rerun": 0.3,
    "GET /snowflake/run_and_wait": 0.3,
    "POST /dead-letters/{dead_letter_id}/replay": 0.2,
}


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some requests of one operation, made anew from these words alone."""

    document: str
    path: str
    method: str
    count: int
    seed: str
    key: str


def chunks(document: Mapping[str, Any], total: int, run_seed: int, key: str, size: int = 400) -> list[Chunk]:
    """`total` requests over all operations, in an order that mixes them."""
    text = json.dumps(document)
    operations = [(path, method) for path, item in document["paths"].items() for method in item]
    weights = [SLOW.get(f"{method.upper()} {path}", 1.0) for path, method in operations]
    found, given, weighed = [], 0, 0.0
    for (path, method), weight in zip(operations, weights, strict=True):
        weighed += weight
        share = round(total * weighed / sum(weights)) - given
        given += share
        sizes = [size] * (share // size) + ([share % size] if share % size else [])
        found += [
            Chunk(
                document=text, path=path, method=method, count=count, seed=f"{run_seed}:{method}:{path}:{at}", key=key
            )
            for at, count in enumerate(sizes)
        ]
    Random(run_seed).shuffle(found)
    return found


def generate(chunk: Chunk) -> list[Request]:
    """The chunk's requests: from the document's example and from schemathesis, each followed by its changed copies."""
    random = Random(chunk.seed)
    operation = _schema(chunk.document)[chunk.path][chunk.method.upper()]
    found: list[Request] = []
    wanted = -(-chunk.count // (1 + COPIES))
    examples, cases = _examples(operation, chunk, wanted // 4 + 1, random), _cases(operation, chunk, wanted)
    for request in random.sample([*examples, *cases], wanted):
        found += [request, *(mutated(request, random) for _ in range(COPIES))]
    return found[: chunk.count]


@cache
def _schema(document: str) -> Any:
    return schemathesis.openapi.from_dict(json.loads(document))


def _cases(operation: APIOperation[Any, Any, Any, Any], chunk: Chunk, count: int) -> list[Request]:
    """Half of them as the document allows, half as it does not."""
    found: list[Request] = []
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @seed(f"{chunk.seed}:{mode.value}")
        @settings(
            max_examples=count // 2 + 1,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def collect(case: schemathesis.Case[Any]) -> None:
            found.append(_request(case, chunk))

        collect()
    return found


def _request(case: schemathesis.Case[Any], chunk: Chunk) -> Request:
    prepared = requests.Request(**_plain(case.as_transport_kwargs(base_url=f"http://127.0.0.1{PREFIX}"))).prepare()
    parts = urlsplit(str(prepared.url))
    headers = [(name, _bytes(value)) for name, value in prepared.headers.items() if name.lower() not in _OWN]
    body = prepared.body or b""
    return Request(
        operation=chunk.path,
        meant=chunk.method.upper(),
        method=str(prepared.method),
        target=parts.path + (f"?{parts.query}" if parts.query else ""),
        headers=(*headers, ("x-functions-key", chunk.key.encode())),
        body=body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body),
        on_route=True,
    )


#: Headers that the sender writes itself.
_OWN = {"content-length", "transfer-encoding", "connection", "x-functions-key", "x-schemathesis-testcaseid", "host"}


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    names = ("method", "url", "headers", "params", "cookies", "json", "data", "files")
    return {name: value for name, value in arguments.items() if name in names}


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")


def _examples(operation: APIOperation[Any, Any, Any, Any], chunk: Chunk, count: int, random: Random) -> list[Request]:
    """The document's own example, which the app takes: its changed copies are nearest to what is accepted."""
    definition = operation.definition.raw
    content = definition.get("requestBody", {}).get("content", {}).get("application/json", {})
    run_id = "r-" + "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=26))
    path = chunk.path.replace("{run_id}", run_id).replace("{dead_letter_id}", random.randbytes(16).hex())
    found = []
    for _ in range(count):
        headers = [("content-type", b"application/json"), ("x-functions-key", chunk.key.encode())]
        if chunk.path.startswith("/snowflake/"):
            headers.append(("sf-external-function-query-batch-id", f"batch-{random.randrange(1000)}:1".encode()))
        found.append(
            Request(
                operation=chunk.path, meant=chunk.method.upper(), method=chunk.method.upper(), target=PREFIX + path,
                headers=tuple(headers), body=json.dumps(content["example"]).encode() if content else b"",
            )
        )  # fmt: skip
    return found
