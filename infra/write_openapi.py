"""`python -m infra.write_openapi`: the document that API Management imports, made by the app's own code.

azd runs it before it compiles the templates: `api_management.bicep` reads the file, whether API Management is asked for
or not.
"""

import json
from pathlib import Path
from typing import Any

from bridge.handlers.openapi.document import document

FILE = Path(__file__).with_name("openapi.json")
VERSION = "/v1"


def for_api_management() -> dict[str, Any]:
    """With the version in the paths: Snowflake calls `…/bridge/v1/snowflake/…`, the policy's backend ends at `/api`."""
    made = document()
    paths = {f"{VERSION}{path}": operations for path, operations in made["paths"].items()}
    return {**made, "servers": [{"url": "/api"}], "paths": paths}


def main() -> None:
    """Writes the file, whatever was there."""
    FILE.write_text(json.dumps(for_api_management(), separators=(",", ":")), encoding="utf-8")


if __name__ == "__main__":
    main()
