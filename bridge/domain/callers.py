"""Names of those who call by HTTP, as `allow` in pipelines.yaml has them."""

#: With function keys every caller is the same principal.
KEY_PRINCIPAL = "key"


class KeyAuthenticator:
    """Authenticator for function keys: the host has checked the key before the app is asked, and tells nobody whose."""

    def principal(self, authorization: str | None) -> str:  # noqa: ARG002 - the key travels in another header
        return KEY_PRINCIPAL


def app_principal(app_id: str) -> str:
    """Of an application that has proved who it is by a token of Entra."""
    return f"app:{app_id.lower()}"
