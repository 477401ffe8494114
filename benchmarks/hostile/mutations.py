"""Valid requests of every route, each with one field that is hostile."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from benchmarks.hostile.request import Request, Sound

MARK = "@mark@"
DEEP = 60


def _object(names: int) -> str:
    return "{" + ",".join(f'"k{number}":0' for number in range(names)) + "}"


FRAGMENTS: dict[str, tuple[str, ...]] = {
    "numbers": (
        *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "1e38", "1e300", "-0.0"),
        *("9" * 400, "-" + "9" * 4000, "9" * 4400, "0." + "1" * 5000, "0.5", "-1", "0", "1"),
        *(str(2**63), str(2**64), str(2**31), str(-(2**63) - 1)),
    ),
    "texts": (
        *('"\\ud800"', '"\\u0000"', '"a\\u0000b"', '"\\u001b[2J"', '"\\u202e"', '""', '" "'),
        *('"../../etc/passwd"', '".."', '"/dev/zero"', '"%00"', json.dumps("x" * 5000), '"é"'),
        *('"NaN"', '"1"', '"commit"', '"2026-01-01"', '"\\n"'),
        *('"iVBORw0KGgo="', '"k05VTVBZAQ=="', '"k05VTVBZAQB2AHsnZGVzY3InOiAnfE8n"'),
    ),
    "kinds": ("null", "true", "false", "[]", "{}", "[[]]", '[""]', "[null]", "[1,[2]]", '{"":{}}'),
    "depth": (*("[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "0" + "}" * DEEP, "[" * 9 + "]" * 9),),
    "lengths": (
        *(f"[{','.join(['0'] * 3000)}]", f"[{','.join(['{}'] * 300)}]"),
        *(f"[{','.join(['NaN'] * 70)}]", *map(_object, (300, 40))),
    ),
}
"""JSON, or nearly so, in place of a field, by what is hostile about it."""

NAMES: tuple[str, ...] = (
    *("", " ", ".", "..", "%2e%2e", "%00", "%0a", "%1b%5b2J", "%ff", "%ED%A0%80", "a" * 300),
    *("x" * 5000, "..%2f..%2fetc%2fpasswd", "%2fdev%2fzero", "%E2%80%AE", "-1", "NaN", "{name}"),
    *(quote("é" * 200), "points%2f", "a;b", "con", "*", "..;", "%25", "1e400", str(2**63)),
)
"""In place of a part of the path, or of a value in the query."""

HEADERS: tuple[tuple[str, bytes], ...] = (
    *(
        ("Accept", value)
        for value in (b"*/*;q=" + b"9" * 400, b"a/b," * 900, b"\xff", b"image/png")
    ),
    *(("Content-Type", value) for value in (b"", b"\xff", b"text/" + b"x" * 3000, b"json")),
    *(("Content-Encoding", value) for value in (b"gzip", b"\xff" * 9, b"x" * 3000)),
    *(("Idempotency-Key", value) for value in (b"k" * 300, b"\xff", b"a b", b"")),
    *(("Prefer", value) for value in (b"respond-async" * 90, b"\xff", b"wait=" + b"9" * 900)),
    *(("X-Request-Id", value) for value in (b"i" * 500, b"\x1b[2J", b"\xff")),
    *(("Authorization", value) for value in (b"Bearer " + b"x" * 900, b"Basic =", b"\xff")),
    *(("Last-Event-ID", value) for value in (b"9" * 900, b"-1", b"\xff")),
    *(("Inference-Header-Content-Length", v) for v in (b"-1", b"9" * 900, b"1", b"1e4", b"\xff")),
)


UNKNOWN = ('"colour"', '"\\ud800"', '"\\u0000"', json.dumps("x" * 5000), '"0x7f00deadbeef"')
"""Fields that nobody asks for."""


def mutations(requests: Sequence[Sound]) -> Iterator[Request]:
    """Every field of every request in every hostile way: each is sent once."""
    for one in requests:
        yield one.request()
        yield from _names(one)
        for name, value in HEADERS:
            changed = one.request(changed=f"{name}: {value!r:.30}", kind="headers")
            yield replace(changed, headers=((name, value),))
        if one.body is not None:
            for text, what, kind in _bodies(one.body):
                yield one.request(text.encode(), what, kind)


def chosen(requests: Sequence[Sound], count: int, seed: int) -> list[Request]:
    """Return so many of them, at random."""
    every = list(mutations(requests))
    return random.Random(seed).sample(every, min(count, len(every)))


def _names(one: Sound) -> Iterator[Request]:
    for name in (*one.names, *one.query):
        for value in NAMES:
            changed = f"{name}={value:.30}"
            yield one.request(changed=changed, kind="names", names={name: value})


def _bodies(body: Any) -> Iterator[tuple[str, str, str]]:
    """Bodies, what is changed in each, and the kind of that."""
    for kind, fragments in FRAGMENTS.items():
        for fragment in fragments:
            yield fragment, f"body={fragment:.30}", kind
            for place in _places(body):
                yield _put(body, place, fragment), f"{_dotted(place)}={fragment:.30}", kind
    for place in _places(body):
        yield _put(body, place, None), f"{_dotted(place)} left out", "kinds"
    for place in _objects(body):
        for name in UNKNOWN:
            for fragment in ("0", "{}", f"[{','.join(['0'] * 3000)}]"):
                changed = f"{_dotted(place)} with {name:.20}"
                yield _add(body, place, name, fragment), changed, "unknown fields"


def _places(tree: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, node in inner:
        yield (*way, key)
        if isinstance(node, dict | list):
            yield from _places(node, (*way, key))


def _objects(tree: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(tree, dict):
        yield way
    for key, node in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(node, dict | list):
            yield from _objects(node, (*way, key))


def _node(tree: Any, way: Sequence[Any]) -> Any:
    for key in way:
        tree = tree[key]
    return tree


def _put(body: Any, place: Sequence[Any], fragment: str | None) -> str:
    copy = deepcopy(body)
    node = _node(copy, place[:-1])
    if fragment is None:
        del node[place[-1]]
        return json.dumps(copy)
    node[place[-1]] = MARK
    return json.dumps(copy).replace(f'"{MARK}"', fragment, 1)


def _add(body: Any, place: Sequence[Any], name: str, fragment: str) -> str:
    copy = deepcopy(body)
    _node(copy, place)[MARK] = 0
    return json.dumps(copy).replace(f'"{MARK}": 0', f"{name}:{fragment}", 1)


def _dotted(place: Sequence[Any]) -> str:
    return ".".join(map(str, place)) or "body"
