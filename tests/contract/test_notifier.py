"""What the services may expect of a Notifier, in memory and by webhooks to a real receiver alike."""

import base64
import logging
import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bridge.adapters.memory_reactions import MemoryNotifier
from bridge.adapters.webhooks import Webhooks
from bridge.domain.actions import Notify, Occasion
from bridge.domain.channels import Channel, ChannelKind
from bridge.domain.errors import BridgeError, PermanentError, RetryableError, ServiceUnavailable, Throttled
from bridge.local.processes import free_port
from bridge.ports import Notifier
from tests.webhook_receiver import Answer, WebhookReceiver, webhook_receiver

SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()
#: A notifier with the channel "ops"; the ids that arrived there; and a way to have the next one refused for now.
Pair = tuple[Notifier, Callable[[], list[str]], Callable[[], None]]


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver(SECRET) as running:
        yield running


@pytest.fixture
def webhooks(receiver: WebhookReceiver) -> Webhooks:
    return webhooks_to(receiver.url)


@pytest.fixture(params=["memory", "webhooks"])
def pair(request: pytest.FixtureRequest) -> Pair:
    if request.param == "memory":
        memory = MemoryNotifier(channels={"ops"})
        return (
            memory,
            lambda: [each.occasion.action_id for each in memory.sent],
            lambda: memory.failures.append(ServiceUnavailable()),
        )
    real: WebhookReceiver = request.getfixturevalue("receiver")
    return (
        webhooks_to(real.url),
        lambda: [each.headers["webhook-id"] for each in real.received if each not in real.refused],
        lambda: real.answers.append(Answer(None)),
    )


def webhooks_to(url: str, kind: ChannelKind = ChannelKind.WEBHOOK, secret: str = SECRET) -> Webhooks:
    return Webhooks({"ops": Channel(name="ops", kind=kind, url=url, secret=secret)})


def notification(channel: str = "ops", action_id: str = "a1") -> Notify:
    why = Occasion(
        rule="tell-ops",
        action_id=action_id,
        event_id="e1",
        event_type="Bridge.RunEnded",
        event_time=datetime(2026, 11, 20, 10, 4, 31, tzinfo=UTC),
        correlation_id="nightly",
        run_id="r-1",
        rule_chain=("tell-ops",),
    )
    return Notify(
        occasion=why,
        channel=channel,
        title="Run failed: churn",
        text="Bitte prüfen.",
        event={"id": "e1", "type": "Bridge.RunEnded", "data": {"rows": 10**38 - 1}},
        link="https://ml.azure.com/runs/r-1",
    )


def now() -> datetime:
    return datetime.now(UTC)


def test_a_notification_arrives(pair: Pair) -> None:
    notifier, arrived, _ = pair

    notifier.send(notification(action_id="a7"), at=now())

    assert arrived() == ["a7"]


def test_a_channel_that_the_settings_do_not_have_is_a_refusal(pair: Pair) -> None:
    notifier, arrived, _ = pair

    with pytest.raises(PermanentError, match="no channel ml-team") as caught:
        notifier.send(notification("ml-team"), at=now())

    assert caught.value.code == "UNKNOWN_CHANNEL"
    assert arrived() == []


def test_a_repeated_notification_has_the_same_id(pair: Pair) -> None:
    notifier, arrived, _ = pair
    first = notification()

    for each in (first, first.next_try(), first.replayed("")):
        notifier.send(each, at=now())

    assert arrived() == ["a1"] * 3


def test_what_was_not_taken_now_can_be_sent_again(pair: Pair) -> None:
    notifier, arrived, refuse = pair
    refuse()

    with pytest.raises(RetryableError):
        notifier.send(notification(), at=now())
    notifier.send(notification(), at=now())

    assert set(arrived()) == {"a1"}


class TestWebhooks:
    def test_a_program_can_check_who_sent_it_and_read_all_of_it(
        self, webhooks: Webhooks, receiver: WebhookReceiver
    ) -> None:
        webhooks.send(notification(), at=now())

        (received,) = receiver.received
        assert receiver.refused == []
        assert received.headers["content-type"] == "application/json"
        assert received.document["type"] == "Bridge.Notification"
        assert received.document["data"]["text"] == "Bitte prüfen."
        assert received.document["data"]["event"]["data"] == {"rows": 10**38 - 1}

    def test_another_secret_is_found_out(self, receiver: WebhookReceiver) -> None:
        other = "whsec_" + base64.b64encode(b"x" * 32).decode()

        with pytest.raises(PermanentError, match="401"):
            webhooks_to(receiver.url, secret=other).send(notification(), at=now())

        assert receiver.received == []

    def test_a_repeated_one_differs_only_in_the_time_of_sending(
        self, webhooks: Webhooks, receiver: WebhookReceiver
    ) -> None:
        sent_at = now()

        webhooks.send(notification(), at=sent_at - timedelta(seconds=90))
        webhooks.send(notification().replayed(""), at=sent_at)

        first, second = receiver.received
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        times = [int(each.headers["webhook-timestamp"]) for each in (first, second)]
        assert times[1] - times[0] == 90

    def test_a_time_of_another_zone_is_signed_as_the_same_moment(
        self, webhooks: Webhooks, receiver: WebhookReceiver
    ) -> None:
        from zoneinfo import ZoneInfo

        webhooks.send(notification(), at=now().astimezone(ZoneInfo("Asia/Kolkata")))

        assert receiver.refused == []
        assert len(receiver.received) == 1

    @pytest.mark.parametrize("secret", ["", "whsec_", "whsec_a", "whsec_ä"])
    def test_a_secret_that_signs_nothing_is_a_refusal(self, receiver: WebhookReceiver, secret: str) -> None:
        with pytest.raises(PermanentError, match="no usable secret") as caught:
            webhooks_to(receiver.url, secret=secret).send(notification(), at=now())

        assert caught.value.code == "UNUSABLE_SECRET"
        assert receiver.received == receiver.refused == []

    def test_teams_gets_a_card_without_a_signature(self) -> None:
        with webhook_receiver() as teams:
            webhooks_to(teams.url, ChannelKind.TEAMS, secret="").send(notification(), at=now())

            (received,) = teams.received
        (attachment,) = received.document["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert attachment["content"]["body"][0]["text"] == "Run failed: churn"
        assert not [name for name in received.headers if name.startswith("webhook-")]


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_every_success_is_one(self, webhooks: Webhooks, receiver: WebhookReceiver, status: int) -> None:
        receiver.answers.append(Answer(status))

        webhooks.send(notification(), at=now())

        assert len(receiver.received) == 1

    @pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
    def test_what_may_pass_is_retried_by_the_queue_alone(
        self, webhooks: Webhooks, receiver: WebhookReceiver, status: int
    ) -> None:
        receiver.answers.append(Answer(status, {"Retry-After": "17"}))

        with pytest.raises(RetryableError) as caught:
            webhooks.send(notification(), at=now())

        assert caught.value.retry_after == timedelta(seconds=17)
        assert isinstance(caught.value, Throttled) is (status == 429)
        assert len(receiver.received) == 1

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
    def test_what_will_not_pass_is_not_retried(
        self, webhooks: Webhooks, receiver: WebhookReceiver, status: int
    ) -> None:
        receiver.answers.append(Answer(status))

        with pytest.raises(PermanentError, match=f"answered {status}") as caught:
            webhooks.send(notification(), at=now())

        assert caught.value.code == "WEBHOOK_REFUSED"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_nobody_is_sent_elsewhere_with_a_signed_notification(
        self, webhooks: Webhooks, receiver: WebhookReceiver, status: int
    ) -> None:
        with webhook_receiver() as elsewhere:
            receiver.answers.append(Answer(status, {"Location": elsewhere.url}))

            with pytest.raises(PermanentError, match=f"answered {status}"):
                webhooks.send(notification(), at=now())

            assert elsewhere.received == []

    @pytest.mark.parametrize(
        ("text", "seconds"), [("0", 0), ("999999999999", 86_400), ("soon", None), ("-5", None), ("", None)]
    )
    def test_only_a_usable_wait_is_passed_on(
        self, webhooks: Webhooks, receiver: WebhookReceiver, text: str, seconds: int | None
    ) -> None:
        receiver.answers.append(Answer(503, {"Retry-After": text}))

        with pytest.raises(ServiceUnavailable) as caught:
            webhooks.send(notification(), at=now())

        assert caught.value.retry_after == (None if seconds is None else timedelta(seconds=seconds))

    def test_a_wait_may_be_given_as_a_date(self, webhooks: Webhooks, receiver: WebhookReceiver) -> None:
        at = now().replace(microsecond=0)
        receiver.answers += [
            Answer(429, {"Retry-After": format_datetime(at + timedelta(minutes=2), usegmt=True)}),
            Answer(429, {"Retry-After": format_datetime(at - timedelta(minutes=2), usegmt=True)}),
        ]

        waits = []
        for _ in range(2):
            with pytest.raises(Throttled) as caught:
                webhooks.send(notification(), at=at)
            waits.append(caught.value.retry_after)

        assert waits == [timedelta(minutes=2), timedelta(0)]

    def test_nobody_there_is_retried(self) -> None:
        with pytest.raises(ServiceUnavailable, match=r"127\.0\.0\.1 could not be reached"):
            webhooks_to(f"http://127.0.0.1:{free_port()}/hook").send(notification(), at=now())


class TestSecrecy:
    @pytest.mark.parametrize("answer", [Answer(410), Answer(503), Answer(429), Answer(None), Answer(302)])
    def test_an_address_is_in_no_error_and_no_log(
        self,
        webhooks: Webhooks,
        receiver: WebhookReceiver,
        caplog: pytest.LogCaptureFixture,
        answer: Answer,
    ) -> None:
        receiver.answers.append(answer)

        with caplog.at_level(logging.DEBUG), pytest.raises(BridgeError) as caught:
            webhooks.send(notification(), at=now())

        told = "".join(traceback.format_exception(caught.value)) + caplog.text
        assert "127.0.0.1" in told
        assert "secret-" not in told
        assert SECRET not in told
        assert caught.value.__context__ is None

    def test_a_proxy_of_the_environment_does_not_get_what_is_for_this_machine(
        self, webhooks: Webhooks, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)

        webhooks.send(notification(), at=now())

        assert len(receiver.received) == 1

    def test_a_proxy_of_the_environment_is_used_for_the_world(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with webhook_receiver(SECRET) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url.partition("/hooks")[0])

            webhooks_to("http://hooks.test/path").send(notification(), at=now())

        assert [each.path for each in proxy.received] == ["http://hooks.test/path"]


def test_a_rule_without_a_time_of_its_event_is_told_the_time_of_sending(
    webhooks: Webhooks, receiver: WebhookReceiver
) -> None:
    at = now()
    timeless = replace(notification(), occasion=replace(notification().occasion, event_time=None))

    webhooks.send(timeless, at=at)

    assert receiver.received[0].document["timestamp"] == at.isoformat()
