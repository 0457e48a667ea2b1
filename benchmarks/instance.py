"""One fresh worker: imports the app as the platform does, calls one function, and says when it was how far.

`python -m benchmarks.instance http|execute|record`, with the app's settings in the environment; `starts` runs it. It is
the app in a bare interpreter. The platform's worker adds its own gRPC, which is not here.
"""

import json
import sys
import time

import azure.functions as func
import psutil


def main() -> None:
    import function_app

    functions = {found.get_function_name(): found.get_user_function() for found in function_app.app.get_functions()}
    indexed = time.time()
    kind = sys.argv[1]
    if kind == "http":
        request = func.HttpRequest("POST", "/api/v1/runs", headers={}, body=sys.stdin.buffer.read())
        answer = functions["create_run"](request)
        if answer.status_code != 202:
            raise RuntimeError(answer.get_body().decode())
    elif kind == "execute":
        functions["execute"](_message())
    else:
        functions["record"]([_message()])
    called = time.time()
    document = {"indexed": indexed, "called": called, "bytes": psutil.Process().memory_info().rss}
    sys.stdout.write(json.dumps(document) + "\n")


def _message() -> object:
    from azure.functions.servicebus import ServiceBusMessage

    body = sys.stdin.buffer.read()
    return ServiceBusMessage(
        body=body, message_id="first", lock_token="", user_properties={}, application_properties={}, delivery_count=1
    )


if __name__ == "__main__":
    main()
