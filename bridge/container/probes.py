"""Whether the process lives and is ready, for whoever starts and ends containers; and the same asked from inside."""

import argparse
import sys
import urllib.error
import urllib.request
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

LIVE, READY = "/live", "/ready"


def probe_routes(missing: Callable[[], list[str]]) -> list[Route]:
    """`missing` names what is not ready; a process that answers at all lives, because a part that fails ends it."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> Response:
        waited_for = missing()
        status = "waiting" if waited_for else "ok"
        return JSONResponse({"status": status, "waits_for": waited_for}, 503 if waited_for else 200)

    return [Route(LIVE, live, methods=["GET"]), Route(READY, ready, methods=["GET"])]


def main(arguments: list[str]) -> int:
    """`python -m bridge.container.probes [PORT]`: the exit code of a HEALTHCHECK. The image has no curl."""
    parser = argparse.ArgumentParser(prog="python -m bridge.container.probes")
    parser.add_argument("port", nargs="?", type=int, default=8080)
    port: int = parser.parse_args(arguments).port
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{LIVE}", timeout=5) as answer:  # nosec B310 # its own port
            return 0 if answer.status == 200 else 1
    except (OSError, urllib.error.URLError):
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
