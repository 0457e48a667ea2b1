"""Who checks the callers of a route; apart from the other handlers, because the routes need it before any call."""

import azure.functions as func


def auth_level(*, host_checks_keys: bool) -> func.AuthLevel:
    """Of the routes that are not open to everybody, as the host sees them."""
    return func.AuthLevel.FUNCTION if host_checks_keys else func.AuthLevel.ANONYMOUS
