"""JSON in pieces is what JSON is, as far as it keeps to the bounds."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from sureflow_server.api import json_text
from sureflow_server.api.json_text import (
    MAX_COMMAS,
    MAX_DEPTH,
    MAX_MEMBERS,
    MAX_NESTS,
    JsonError,
    read_json,
)

WORDS: list[Any] = [
    *(0, 1.5, -3, 1e9, None, True, "a", '"\\', "[{,:", "\\", "é☃", "x" * 30, "\ud800", "\x00"),
]
NAMES = ["a", 'b"', "c\\", "{", "long" * 9, ""]
PARTS = [b",", b"[", b"]", b"{", b"}", b'"', b"\\", b":", b" ", b"1", b"NaN", b"\xff", b"\n"]


def tree(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(8 if depth < 5 else 5)
    if kind < 5:
        return chance.choice(WORDS)
    count = chance.randrange(6)
    if kind < 7:
        return [tree(chance, depth + 1) for _ in range(count)]
    return {chance.choice(NAMES): tree(chance, depth + 1) for _ in range(count)}


def text(chance: random.Random) -> bytes:
    """JSON, of which most is damaged."""
    written = json.dumps(tree(chance), ensure_ascii=chance.random() < 0.5, indent=1)
    data = bytearray(written.encode(errors="surrogatepass"))
    for _ in range(chance.randrange(3)):
        place = chance.randrange(len(data) + 1)
        if chance.random() < 0.3:
            del data[place : place + 1]
        else:
            data[place:place] = chance.choice(PARTS)
    return bytes(data)


def read_or_refused(reading: Any, data: bytes) -> str:
    try:
        return repr(reading(data))
    except ValueError:
        return "refused"


@pytest.mark.parametrize("seed", range(4))
def test_pieces_say_what_the_whole_says(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(json_text, "PIECE", 16)
    monkeypatch.setattr(json_text, "REST_S", 0)
    chance = random.Random(seed)
    refused = 0
    for _ in range(1500):
        data = text(chance)
        whole = read_or_refused(lambda given: json.loads(given.decode()), data)
        assert read_or_refused(read_json, data) == whole, data
        refused += whole == "refused"
    assert 300 < refused < 1400


def test_a_long_text_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"a": [[0.5, 1]] * 20_000, "b": {"c": list(range(10_000)), "d": "é" * 20_000}, "e": 1}
    sizes: list[int] = []
    loads = json.loads

    def watched(piece: str, **options: Any) -> Any:
        sizes.append(len(piece.encode()))
        return loads(piece, **options)

    monkeypatch.setattr(json, "loads", watched)
    data = json.dumps(said, ensure_ascii=False).encode()
    assert read_json(b"\xef\xbb\xbf" + data) == said
    assert sum(size > json_text.PIECE + 2 for size in sizes) == 1, "a string is read as a whole"
    assert len(sizes) > len(data) / json_text.PIECE - 10


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), f"more than {MAX_DEPTH} lists"),
        (b"[" * 10**6, f"more than {MAX_DEPTH} lists"),
        (b'{"a":' * 10**5, f"more than {MAX_DEPTH} lists"),
        (b"[" + b"0," * (MAX_COMMAS + 1) + b"0]", f"more than {MAX_COMMAS} values"),
        (b"[" + b",".join([b"[]"] * MAX_NESTS) + b"]", f"more than {MAX_NESTS} lists"),
        (json.dumps(dict.fromkeys(map(str, range(MAX_MEMBERS + 1)))).encode(), "256 names"),
        (json.dumps(dict.fromkeys(map(str, range(10**5)))).encode(), "256 names"),
        (b'{"a":' + b"1" * 10**6 + b"}", "neither a string nor a number"),
        (b'{"a":' + b"9" * 5000 + b"}", "Exceeds the limit"),
        (b'{"a":1e' + b"9" * 10**5 + b"}", "neither a string nor a number"),
        (b'{"a":0,' + b" " * 10**5 + b'"b"}', "expecting a name and a value"),
        (b"[0," + b" " * 10**5 + b"]", "expecting a value"),
        (b"[0" + b" " * 10**5 + b"}", "neither a string nor a number"),
        (b"[0]" + b" " * 10**5 + b"[0]", "brackets that do not match"),
        (b'["' + b"x" * 10**5 + b"\xff" + b'"]', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b"", "Expecting value"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_breaks_a_bound_or_the_grammar_is_told(data: bytes, said: str) -> None:
    with pytest.raises(JsonError, match=said):
        read_json(data)


def test_just_within_the_bounds_it_is_read() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert len(read_json(b"[" + b",".join([b"[]"] * (MAX_NESTS - 1)) + b"]")) == MAX_NESTS - 1
    assert len(read_json(json.dumps(dict.fromkeys(map(str, range(MAX_MEMBERS)))).encode())) == 256
