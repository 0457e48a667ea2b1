"""Keeps secrets out of whatever people read: logs, answers, rows. A service's error may repeat what it was sent."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
#: A shorter value would be found in words that have nothing to do with it.
SHORTEST = 8
#: The values that are known to be secret, the longest first; replaced as a whole, never changed.
_HIDDEN: list[str] = []

#: Of any length, as a key in PEM is. What begins with an escaped quote, as in JSON within JSON, ends at the next quote
#: that is escaped no deeper: a plain one would be looked for from each of many labels, to the end of the text.
_QUOTED = "|".join(
    rf"(?<!\\){quote}(?:[^{quote}\\]|\\.){{3,}}{quote}"
    rf"|(?<=\\){quote}(?:[^{quote}\\]|\\\\\\{quote}|\\[^{quote}]){{3,}}\\?{quote}(?!\w)"
    for quote in "\"'"
)
_PEM = r"-----BEGIN[ ][a-z ]{0,30}PRIVATE[ ]KEY-----(?s:.*?)(?:-----END[ ][a-z ]{0,30}-----|\Z)"
_LABELS = (
    r"SharedAccessKey|AccountKey|SharedAccessSignature|client_?secret|client_?assertion|(?:access|refresh|id|sas)_?token"
    r"|password|passwd|passcode|pwd|private_?key|aeg-sas-key|aeg-sas-token|x-functions-key|x-identity-header"
    r"|ocp-apim-subscription-key"
)
#: What secrets look like, wherever they come from. Every alternative begins with a fixed text and never goes over the
#: same text twice, so that nobody can make a log line slow.
_SECRETS = re.compile(
    rf"""
    (?P<label>(?:{_LABELS})\\?["']?[ ]?[=:][ ]?\\?)(?:{_QUOTED}|["']?{_PEM}|["']?[^\s"'&;,]{{3,}})
    |(?P<header>authorization\\?["']?[ ]?[=:][ ]?\\?)(?:{_QUOTED}|["']?(?:[a-z]+[ ])?[^\s"',}}]{{8,}})
    |(?P<scheme>\b(?:bearer|SharedAccessSignature|token=\\?"?)\s?)[a-z0-9._~+/=%&:-]{{8,}}
    |(?P<query>(?:[?&;]|\b)(?:sig|signature)=|[?&](?:code|key|token|secret|api-?key)=)[^\s&"'#;]+
    |(?P<escaped>%(?:26|3f)(?:sig|code)%3d)(?:(?!%26)[^\s&"'])+
    |(?P<user>://[^/\s:@"']{{0,200}}:)[^/\s@"']{{1,500}}(?=@)
    |(?<![a-z0-9_-])(?:eyJ[a-z0-9_-]{{8,}}(?:\.[a-z0-9_-]+){{0,4}}|whsec_[a-z0-9+/=_-]{{8,}})
    |{_PEM}
    """,
    re.IGNORECASE | re.VERBOSE,
)
_KEPT = ("label", "header", "scheme", "query", "escaped", "user")


def hide(values: Iterable[str]) -> None:
    """From now on, these texts are secret in every form in which a log could have them."""
    found = {form for value in values for form in _forms(value) if len(form) >= SHORTEST}
    _HIDDEN[:] = sorted({*_HIDDEN, *found}, key=len, reverse=True)


def masked(text: str) -> str:
    """The text, with every secret in it replaced."""
    for value in _HIDDEN:
        if value in text:
            text = text.replace(value, MASK)
    return _SECRETS.sub(_without_secret, text)


def _without_secret(found: re.Match[str]) -> str:
    """What introduces the secret stays: it says which one it was."""
    return next((found[name] for name in _KEPT if found[name]), "") + MASK


def _forms(value: str) -> Iterable[str]:
    """As it is, in a URL, in JSON; and line by line, because a key in PEM has many."""
    lines = [line.strip() for line in value.splitlines() if not line.startswith("-----")]
    for text in {value, "".join(lines), *lines}:
        yield from (text, quote(text), quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1], repr(text)[1:-1])
