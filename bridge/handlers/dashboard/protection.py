"""What keeps a page of somebody else from acting in a person's name, and this page from running anything of others.

A form is taken only from a page of this very origin. The browser says from where it comes: `Sec-Fetch-Site`, which
all browsers have sent since 2023 by https and on localhost. No page can set it or leave it out, so a form that says
something else, or nothing, is refused. (`Origin` would not do: under `no-referrer` browsers say `null` there.) A
token in the form would add nothing to that, and needs a secret that all instances share: one more to keep. Besides,
with function keys a stranger's page does not know the key, without which the host refuses; with sign-in by the
platform this header is what protects the session's cookie.
"""

import azure.functions as func

HEADERS = {
    # Nothing but the app's own files; what a row of the ledger says can be no script, style or address.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # The address may have a key.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def is_from_this_page(request: func.HttpRequest) -> bool:
    """Whether the form that was sent stands on a page of this origin, as the browser says."""
    return str(request.headers.get("sec-fetch-site") or "").lower() == "same-origin"
