"""Whether an answer is one that `openapi.json` names: status, content type, headers and body."""

from collections.abc import Mapping
from functools import cache

import requests
import schemathesis
from schemathesis.checks import CheckFunction, load_all_checks
from schemathesis.specs.openapi import checks
from schemathesis.specs.openapi.schemas import OpenApiSchema

from bridge.handlers.openapi.document import document

load_all_checks()
CHECKS: list[CheckFunction] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@cache
def schema() -> OpenApiSchema:
    return schemathesis.openapi.from_dict(document())


@cache
def _request() -> requests.PreparedRequest:
    return requests.Request("GET", "http://127.0.0.1").prepare()


def conforms(path: str, method: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raises: schemathesis' FailureGroup, which says what is not as documented."""
    answer = schemathesis.Response(
        status_code=status,
        headers={name: [value] for name, value in headers.items()},
        content=body,
        request=_request(),
        elapsed=0.0,
        verify=False,
        encoding="utf-8",
    )
    operation = schema()[path][method]
    in_path = {parameter.name: "x" for parameter in operation.path_parameters}
    operation.Case(path_parameters=in_path).validate_response(answer, checks=CHECKS)
