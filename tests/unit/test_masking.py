"""No secret stands in a text that went through the mask, and nothing else is lost from it."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.adapters.memory import MemoryClock
from bridge.domain import masking
from bridge.domain.errors import PermanentError, RetryableError
from bridge.domain.masking import MASK, hide, masked
from bridge.domain.records import dead_letter

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nAqC7f3vXw8kz==\n-----END PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJlLW9mLWl0"


@pytest.fixture(autouse=True)
def hidden() -> Iterator[list[str]]:
    """What this process hides otherwise, kept from the test and given back."""
    kept = masking._HIDDEN[:]
    masking._HIDDEN.clear()
    yield masking._HIDDEN
    masking._HIDDEN[:] = kept


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SharedAccessKeyName=n;SharedAccessKey=aB3+/x=;EntityPath=q", "SharedAccessKey=***;EntityPath=q"),
        ("AccountName=a;AccountKey=aB3+/x==", "AccountName=a;AccountKey=***"),
        ("https://x/y?sv=2020&sig=aB3%2Bx%3D&se=1", "https://x/y?sv=2020&sig=***&se=1"),
        ("SharedAccessSignature sr=sb%3a%2f%2fx&sig=aB3%3D&se=1&skn=k", "SharedAccessSignature ***"),
        ("https://x.azurewebsites.net/api/f?code=aB3xyz_-==", "f?code=***"),
        ("redirect=https%3A%2F%2Fx%3Fa%3D1%26sig%3DaB3%252B%26se%3D1", "%26sig%3D***%26se%3D1"),
        (f"Authorization: Bearer {JWT}", "Authorization: ***"),
        (f"{{'Authorization': 'Bearer {JWT}', 'x': 'y'}}", "{'Authorization': ***, 'x': 'y'}"),
        ('{"Authorization": "Snowflake Token=\\"abc123def\\"", "x": 1}', '{"Authorization": ***, "x": 1}'),
        ('Authorization: Snowflake Token="abc123def"', "***"),
        (f"the token {JWT} is bad", "the token *** is bad"),
        ("https://user:pass-word@host/x", "https://user:***@host/x"),
        ("{'aeg-sas-key': 'aB3+/x=', 'a': 1}", "{'aeg-sas-key': ***, 'a': 1}"),
        ("x-functions-key: aB3xyz", "x-functions-key: ***"),
        ("password='aB3 \\' xyz', user='u'", "password=***, user='u'"),
        ('"password": "aB3xyz", "user": "u"', '"password": ***, "user": "u"'),
        ('{"client_secret":"aB3xyz"}', '{"client_secret":***}'),
        ("secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw is", "secret *** is"),
        (f"{{'Authorization': 'Bearer {JWT[:30]}", "{'Authorization': ***"),
        (f"the token {JWT[:30]}", "the token ***"),
        ("{'password': 'aB3xyz and it was cut", "{'password': *** and it was cut"),
        (f"key {PEM} end", "key *** end"),
        ("key -----BEGIN RSA PRIVATE KEY-----\nMIIE", "key ***"),
        ('{"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIE\\nMIIEaB3 and it was cut', '{"private_key": ***'),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_masked(text: str, wanted: str) -> None:
    found = masked(text)

    assert wanted in found
    assert "aB3" not in found
    assert JWT not in found
    assert "MIIE" not in found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Service Bus, queue run-commands could not be reached",
        "send a token of Entra for this app, in the header Authorization: Bearer …",
        "the header Authorization has another form than Bearer TOKEN",
        "SNOWFLAKE_PASSWORD is not set, but SNOWFLAKE_AUTHENTICATOR is SNOWFLAKE",
        "SNOWFLAKE_AUTHENTICATOR is SNOWFLAKE: passwords are for the emulator only; use WORKLOAD_IDENTITY",
        "NOTIFY_OPS_SECRET is not usable: give whsec_ and 24 to 64 random bytes in Base64",
        "its identity needs EventGrid Data Sender, or the settings the topic's key",
        "the idempotency key must be text of 1 to 500 printable characters, or NULL for none",
        "https://ml.azure.com/runs/r-x?wsid=/subscriptions/s&tid=t",
        "azureml://datastores/x/paths/a@b:c/",
        "http://127.0.0.1:7071/api/v1/runs?status=FAILED&pipeline=p",
        "error code=5, the code: 7; the key of the row",
        "line one\nline two\ttab",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("length", [10, 499, 501, 5000])
@pytest.mark.parametrize("label", ["private_key", "password", "Authorization"])
def test_a_quoted_secret_is_masked_whole_however_long(label: str, length: int) -> None:
    secret = ('a lorem\n "ipsum" ' * length)[:length].rstrip()
    document = {label: secret, "x": "kept"}

    for text in (json.dumps(document), repr(document), json.dumps({"body": json.dumps(document)})):
        found = masked(text)
        assert "lorem" not in found
        assert "ipsum" not in found
        assert found.count("kept") == 1


SECRETS = ["simple-secret-1", "with/slash+plus==", 'quote"and\\back', "ümlaut-geheim", PEM, "-----begin-by-dashes"]


@pytest.mark.parametrize("secret", SECRETS, ids=repr)
@pytest.mark.parametrize(
    "form",
    [str, lambda text: quote(text, safe=""), quote, json.dumps, repr, lambda text: f"x{text}y{text}"],
    ids=["plain", "quoted", "quoted path", "json", "repr", "within words"],
)
def test_a_hidden_value_is_found_in_every_form(secret: str, form: object) -> None:
    hide([secret])

    found = masked(f"before {form(secret)} after")  # type: ignore[operator]

    assert MASK in found
    for part in (secret, *secret.splitlines()[1:-1]):
        assert part not in found
    assert found.startswith("before ")
    assert found.endswith(" after")


def test_the_lines_of_a_key_are_found_one_by_one() -> None:
    hide([PEM])

    assert masked("got AqC7f3vXw8kz== and MIIEvQIBADANBgkqhkiG9w0AqC7f3vXw8kz==") == "got *** and ***"


def test_a_value_within_another_leaves_nothing_of_the_longer_one() -> None:
    hide(["secret-one", "secret-one-and-more"])

    assert masked("x secret-one-and-more y") == "x *** y"


def test_what_is_too_short_to_be_told_from_a_word_is_not_hidden(hidden: list[str]) -> None:
    hide(["", "laptop", "1234567"])

    assert hidden == []


@given(st.text(), st.text(min_size=8, alphabet=st.characters(blacklist_categories=["Cs"])), st.text())
def test_no_text_brings_a_hidden_value_through(before: str, secret: str, after: str) -> None:
    masking._HIDDEN.clear()
    hide([secret])

    found = masked(before + secret + after)

    assert secret not in found or secret in MASK * 10
    assert masked(found).count(secret) == 0 or secret in MASK * 10


@pytest.mark.parametrize(
    "piece",
    ["eyJ", "eyJaaaaaaaa.", "sig=", "?code=", "password='", 'password="\\', "://a:", "-----BEGIN PRIVATE KEY-----",
     "Bearer ", "authorization: ", "%26sig%3d", "whsec_", "token=", "a", 'pwd=\\"xxx ', 'pwd=\\\\\\"xxx ', 'pwd="x\\" ',
     "pwd=\\'x\\\\\\'", 'pwd="', 'pwd=\\"\\\\\\"'],
)  # fmt: skip
def test_masking_a_megabyte_ends(piece: str) -> None:
    """A text that is gone through again and again for each of its characters would take hours."""
    text = piece * (1_000_000 // len(piece))

    assert len(masked(text)) <= len(text) + len(MASK)


def test_an_error_of_the_bridge_never_has_a_secret() -> None:
    hide(["planted-secret"])

    assert str(PermanentError("no: planted-secret", code="X")) == "no: ***"
    assert str(RetryableError("no: ?sig=abcdef")) == "no: ?sig=***"


def test_a_dead_letters_description_never_has_a_secret() -> None:
    letter = dead_letter(
        queue="q", message_id="m", body="b", reason="R", description="failed: SharedAccessKey=aB3+/x=",
        run_id=None, at=MemoryClock().now(),
    )  # fmt: skip

    assert letter.description == "failed: SharedAccessKey=***"


def test_many_labels_before_one_open_quote_are_masked_in_linear_time() -> None:
    """The test's own time limit is what fails here: it was minutes."""
    text = 'pwd=\\"xxx ' * 20_000

    assert "xxx" not in masked(text)
