"""JSON in pieces, none of which takes long to encode.

The pieces are together what ``json.dumps`` returns. It holds the interpreter's lock for as long as
it encodes, which for a large answer is seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

MOST = 2000
"""Scalars that are encoded at a time."""

LETTERS = 64
"""Of a string take as long as a scalar."""

_dumps = partial(json.dumps, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def pieces(value: Any) -> Iterator[bytes]:
    """Yield a value as JSON, in UTF-8.

    Bytes stand for JSON that is encoded already, and an iterator for an array whose elements are
    made when their turn comes.

    Raises:
        ValueError: It holds NaN or infinity.
    """
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict) and _weight(value) > MOST:
        yield from _object(value)
    elif isinstance(value, Iterator):
        yield from _array(map(pieces, value))
    elif isinstance(value, list | tuple) and _weight(value) > MOST:
        yield from _array(_grouped(value))
    else:
        yield _dumps(value).encode()


def text(value: Any) -> bytes:
    """Return a value as JSON; see :func:`pieces`."""
    return b"".join(pieces(value))


def _object(value: dict[str, Any]) -> Iterator[bytes]:
    opening = "{"
    for name, part in value.items():
        yield f"{opening}{_dumps(name)}:".encode()
        yield from pieces(part)
        opening = ","
    yield b"}"


def _array(groups: Iterator[Iterator[bytes]]) -> Iterator[bytes]:
    yield b"["
    for number, group in enumerate(groups):
        if number:
            yield b","
        yield from group
    yield b"]"


def _grouped(values: Sequence[Any]) -> Iterator[Iterator[bytes]]:
    """The pieces of elements that follow each other, in groups that are light, or of one."""
    group: list[Any] = []
    weight = 0
    for value in values:
        more = _weight(value)
        if group and weight + more > MOST:
            yield iter((_dumps(group).encode()[1:-1],))
            group, weight = [], 0
        if more > MOST:
            yield pieces(value)
        else:
            group.append(value)
            weight += more
    if group:
        yield iter((_dumps(group).encode()[1:-1],))


def _weight(value: Any) -> int:
    """How many scalars take as long to encode; more than can be at once if it is not known."""
    if isinstance(value, dict):
        return len(value) + sum(map(_weight, value.values()))
    if isinstance(value, list | tuple):
        # The elements of an array are alike.
        nested = bool(value) and isinstance(value[0], list | tuple | dict | str)
        return 1 + (sum(map(_weight, value)) if nested else len(value))
    if isinstance(value, str):
        return 1 + len(value) // LETTERS
    return MOST + 1 if isinstance(value, bytes | Iterator) else 1
