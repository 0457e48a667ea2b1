"""Snowflake's wire format: unpacking, rows, the batch's identity, and the answer."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from decimal import Decimal

import pytest

from bridge.payloads import limits
from bridge.payloads.external_function import UnusableRequest, WireRow, read_context, read_rows, unpack, write_rows

BODY = b'{"data": [[0, "train"]]}'


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKED = {
    "gzip": gzip.compress(BODY),
    "x-gzip": gzip.compress(BODY),
    "GZIP": gzip.compress(BODY),
    " deflate ": zlib.compress(BODY),
    "deflate": raw_deflate(BODY),
    "identity": BODY,
    "": BODY,
}
#: What is wrong: the encoding that is claimed, the body.
WRONG = {
    "no gzip": ("gzip", BODY),
    "nothing": ("gzip", b""),
    "deflate": ("gzip", zlib.compress(BODY)),
    "raw deflate": ("gzip", raw_deflate(BODY)),
    "cut off": ("gzip", gzip.compress(BODY)[:-4]),
    "cut off in the text": ("gzip", gzip.compress(BODY)[:-9]),
    "two in a row": ("gzip", gzip.compress(BODY) * 2),
    "something behind it": ("gzip", gzip.compress(BODY) + b"more"),
    "wrong checksum": ("gzip", gzip.compress(BODY)[:-8] + bytes(8)),
    "no deflate": ("deflate", BODY),
    "gzip": ("deflate", gzip.compress(BODY)),
    "deflate cut off": ("deflate", zlib.compress(BODY)[:-2]),
}


@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_is_unpacked_as_its_encoding_says(encoding: str) -> None:
    assert unpack(PACKED[encoding], encoding) == BODY


def test_a_body_without_encoding_is_taken_as_it_is() -> None:
    assert unpack(BODY, None) == BODY


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, deflate", "compress", "*", "x" * 1000])
def test_an_unknown_encoding_is_refused_with_those_that_are_known(encoding: str) -> None:
    with pytest.raises(UnusableRequest, match="use gzip, deflate or none") as caught:
        unpack(BODY, encoding)

    assert caught.value.status == 415
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("encoding", "body"),
    WRONG.values(),
    ids=WRONG,
)
def test_a_body_that_is_not_what_its_encoding_says_is_refused(encoding: str, body: bytes) -> None:
    with pytest.raises(UnusableRequest, match=f"not one whole {encoding} stream") as caught:
        unpack(body, encoding)

    assert caught.value.status == 400


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw", "identity"])
def test_a_body_may_unpack_to_the_limit_and_not_beyond(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "raw": raw_deflate,
        "identity": bytes,
    }
    pack = packers[encoding]
    name = "deflate" if encoding == "raw" else encoding
    monkeypatch.setattr(limits, "UNPACKED_BYTES", 100_000)
    monkeypatch.setattr(limits, "BODY_BYTES", 100_000)

    assert len(unpack(pack(b" " * 100_000), name)) == 100_000
    with pytest.raises(UnusableRequest, match=r"more than 100,000 bytes") as caught:
        unpack(pack(b" " * 100_001), name)
    assert caught.value.status == 413


def test_a_bomb_is_stopped_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(bytes(50_000_000), compresslevel=1)
    monkeypatch.setattr(limits, "UNPACKED_BYTES", 100_000)
    monkeypatch.setattr(limits, "BODY_BYTES", 100_000)

    tracemalloc.start()
    with pytest.raises(UnusableRequest) as caught:
        unpack(bomb, "gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert caught.value.status == 413
    assert peak < 2_000_000


def test_rows_come_with_their_numbers_as_they_were_sent() -> None:
    rows = read_rows(b'{"data": [[7, "a", null], [0], [7, {"x": [1.10, true]}], [-1, ""]]}')

    assert rows == [
        WireRow(number=7, arguments=["a", None]),
        WireRow(number=0, arguments=[]),
        WireRow(number=7, arguments=[{"x": [Decimal("1.10"), True]}]),
        WireRow(number=-1, arguments=[""]),
    ]


def test_numbers_of_snowflake_are_read_without_loss() -> None:
    (row,) = read_rows(b'{"data": [[0, 99999999999999999999999999999999999999, 0.10000000000000000001]]}')

    assert row.arguments == [10**38 - 1, Decimal("0.10000000000000000001")]


def test_an_empty_batch_has_no_rows() -> None:
    assert read_rows(b'{"data": []}') == []


def test_thousands_of_rows_are_read() -> None:
    rows = read_rows(json.dumps({"data": [[i, "train", {"as_of": "2026-11-01"}] for i in range(5000)]}).encode())

    assert [row.number for row in rows] == list(range(5000))


@pytest.mark.parametrize(
    "body",
    ["[]", "null", "1", '"data"', "{}", '{"Data": []}', '{"data": {}}', '{"data": null}', '{"data": "[]"}', "[[0]]"],
)
def test_a_body_of_another_shape_is_refused_with_the_right_one(body: str) -> None:
    with pytest.raises(UnusableRequest) as caught:
        read_rows(body.encode())

    assert caught.value.status == 400
    assert '{"data": [[0, …], [1, …]]}' in str(caught.value)


@pytest.mark.parametrize("row", ["0", "null", "{}", "[]", '["0"]', "[0.0]", "[true]", "[null]", "[[0]]", "[1e0]"])
def test_a_row_without_a_number_makes_the_whole_batch_unusable(row: str) -> None:
    with pytest.raises(UnusableRequest, match=r"data\[1\] must be an array that begins with its row number"):
        read_rows(f'{{"data": [[0], {row}, [2]]}}'.encode())


def test_a_body_that_is_no_json_is_refused_with_the_place() -> None:
    with pytest.raises(UnusableRequest, match=r"^the body is not JSON: .* at line 2, column \d+$"):
        read_rows(b'{"data":\n[[0, "train"}')


def test_the_batch_is_known_by_its_headers() -> None:
    given = {"sf-external-function-current-query-id": "q-1", "sf-external-function-query-batch-id": "b-1:2/3"}

    context = read_context(given)

    assert (context.query_id, context.query_batch_id) == ("q-1", "b-1:2/3")
    assert read_context({}) == read_context(dict.fromkeys(given, ""))


@pytest.mark.parametrize("value", ["a b", "a\r\nset-cookie: x", "é", "\x00", "x" * 201])
@pytest.mark.parametrize("header", ["current-query-id", "query-batch-id"])
def test_a_batch_id_that_cannot_be_one_is_refused_rather_than_dropped(header: str, value: str) -> None:
    with pytest.raises(UnusableRequest, match=f"{header} must be an id") as caught:
        read_context({f"sf-external-function-{header}": value})

    assert caught.value.status == 400
    assert value not in str(caught.value)


def test_the_answer_has_each_row_once_in_the_given_order_without_loss() -> None:
    answer = write_rows([(3, {"n": 10**38 - 1}), (1, Decimal("0.10000000000000000001")), (3, None), (10**20, "ä")])

    assert '"n":99999999999999999999999999999999999999' in answer
    assert "0.10000000000000000001" in answer
    assert [row[0] for row in json.loads(answer)["data"]] == [3, 1, 3, 10**20]
    assert json.loads(write_rows([])) == {"data": []}
