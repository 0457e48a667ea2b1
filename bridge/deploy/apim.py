"""The policy of the API in API Management: who may come through, and with which key they go on."""

from bridge.deploy.rendering import Renderer
from bridge.deploy.values import InvalidValues, Values

_NEEDS = ("tenant_id", "app_id", "snowflake_app_id", "app_host")


def policy(values: Values, *, keyless: bool = False) -> str:
    """The policy as XML; `keyless` for an app with AUTH_MODE=entra, to which Snowflake's token then goes on.

    Raises:
        InvalidValues: a value that it needs is missing.
    """
    missing = [name for name in _NEEDS if getattr(values, name) is None]
    if missing:
        raise InvalidValues(f"{name}: is missing: the policy needs it" for name in missing)
    return Renderer(values).render(f"apim/policy{'_keyless' if keyless else ''}.xml").text
