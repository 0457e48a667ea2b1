"""What Snowflake says of a query's session in the headers that CONTEXT_HEADERS of an external function asks for.

Source: docs.snowflake.com, CREATE EXTERNAL FUNCTION, "CONTEXT_HEADERS".
"""

import base64
import binascii
import re
from collections.abc import Mapping

CURRENT_ROLE = "sf-context-current-role"
#: Every value comes a second time, whole.
TWIN = CURRENT_ROLE + "-base64"
NAME_LIMIT = 255
#: A blank in the first may stand for characters that a header cannot hold: then it could be another role's name.
_WHOLE = re.compile(r"[!-~]+")


def current_role(headers: Mapping[str, str]) -> str | None:
    """CURRENT_ROLE of the session, letter by letter; None when Snowflake does not tell. Raises: ValueError."""
    encoded = headers.get(TWIN)
    if encoded:
        try:
            name = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError(f"the header {TWIN} is no text in base64") from error
    else:
        name = headers.get(CURRENT_ROLE) or ""
        if name and not _WHOLE.fullmatch(name):
            raise ValueError(f"the header {CURRENT_ROLE} may be incomplete, and {TWIN} is missing")
    if len(name) > NAME_LIMIT or not name.isprintable():
        raise ValueError(f"the header {CURRENT_ROLE} is no name of a role")
    return name or None
