"""Notifications by webhook: signed JSON for programs, cards for Teams.

An address is a secret, because whoever has Teams' may post: only its host is ever told, neither in errors nor in logs.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bridge.domain.actions import Notify
from bridge.domain.channels import Channel, ChannelKind
from bridge.domain.errors import PermanentError, ServiceUnavailable, Throttled
from bridge.domain.signals import CHANNEL, SILENT, Attributes, SpanKind, Telemetry
from bridge.payloads.notifications import teams_body, webhook_body

if TYPE_CHECKING:
    from requests import Response

CONNECT_SECONDS = 5
READ_SECONDS = 20
#: Answers that another try may change.
_PASSING = frozenset({408, 409, 425})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
#: A receiver cannot keep a notification for longer by asking so.
_LONGEST_WAIT = timedelta(days=1)


class Webhooks:
    """Notifier over HTTP, by the channels of the settings; no tries of its own, because the queue has them."""

    def __init__(self, channels: Mapping[str, Channel], telemetry: Telemetry = SILENT) -> None:
        self._channels = channels
        self._telemetry = telemetry

    def send(self, notification: Notify, *, at: datetime) -> None:
        channel = self._channels.get(notification.channel)
        if channel is None:
            setting = f"NOTIFY_{notification.channel.upper().replace('-', '_')}_URL"
            message = f"there is no channel {notification.channel}: {setting} is not set"
            raise PermanentError(message, code="UNKNOWN_CHANNEL")
        what = f"channel {channel.name} at {urlsplit(channel.url).hostname}"
        if channel.kind is ChannelKind.TEAMS:
            body, headers = teams_body(notification), {}
        else:
            body = webhook_body(notification, at)
            headers = _signature(channel, notification.occasion.action_id, body, at)
        status, wait = self._posted(channel, body, headers, what)
        if status == 429:
            raise Throttled(f"{what} asked for fewer notifications", retry_after=_retry_after(wait, at))
        if status in _PASSING or status >= 500:
            raise ServiceUnavailable(f"{what} answered {status}", retry_after=_retry_after(wait, at))
        if not 200 <= status < 300:
            raise PermanentError(f"{what} answered {status}", code="WEBHOOK_REFUSED")

    def _posted(self, channel: Channel, body: str, headers: Mapping[str, str], what: str) -> tuple[int, str]:
        attributes: Attributes = {
            "http.request.method": "POST",
            "server.address": urlsplit(channel.url).hostname or "",
            CHANNEL: channel.name,
        }
        with self._telemetry.span(f"notify {channel.name}", SpanKind.CLIENT, attributes=attributes) as span:
            status, wait = _post(channel.url, body, headers, what)
            span.tell({"http.response.status_code": status})
            if not 200 <= status < 300:
                span.fail(str(status))
        return status, wait


def _signature(channel: Channel, message_id: str, body: str, at: datetime) -> dict[str, str]:
    """As standardwebhooks.com has it: the id tells a repeated notification, the time an old one sent by a stranger."""
    import binascii

    from standardwebhooks import Webhook
    from standardwebhooks.webhooks import EmptyWebhookSecretError

    sent_at = at.astimezone(UTC)
    try:
        signature = Webhook(channel.secret).sign(message_id, sent_at, body)
    except (EmptyWebhookSecretError, binascii.Error, ValueError):
        problem = f"channel {channel.name} has no usable secret"
    else:
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": signature,
        }
    raise PermanentError(problem, code="UNUSABLE_SECRET")


def _post(url: str, body: str, headers: Mapping[str, str], what: str) -> tuple[int, str]:
    """The status of the answer, and its Retry-After.

    Raises: ServiceUnavailable, outside the `except`: the errors of `requests` have the address in their texts.
    """
    import requests

    # At this level it writes the path of each request.
    urllib3 = logging.getLogger("urllib3.connectionpool")
    urllib3.setLevel(max(urllib3.level, logging.INFO))
    try:
        with requests.Session() as session:
            # The environment's proxies are for the world, not for this machine.
            session.trust_env = urlsplit(url).hostname not in _LOOPBACK
            answer: Response = session.post(
                url,
                data=body.encode(),
                headers={"content-type": "application/json", "user-agent": "aml-bridge", **headers},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,  # a signed notification is for this receiver only
                stream=True,  # nobody reads what else it says
            )
            with answer:
                return answer.status_code, answer.headers.get("Retry-After", "")
    except (requests.RequestException, OSError, UnicodeError) as error:
        problem = f"{what} could not be reached: {type(error).__name__}"
    raise ServiceUnavailable(problem)


def _retry_after(text: str, at: datetime) -> timedelta | None:
    """Seconds, or a date; None for anything else."""
    if text.strip().isdecimal():
        return min(timedelta(seconds=int(text.strip()[:9])), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    wait = until.replace(tzinfo=until.tzinfo or UTC) - at
    return min(max(wait, timedelta(0)), _LONGEST_WAIT)
