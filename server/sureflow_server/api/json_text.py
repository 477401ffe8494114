"""JSON as clients send it: bounded in depth and in members, and read a piece at a time.

Python's reader keeps every other thread waiting until it is done, some 60 ms for a body of 1 MiB.
So NumPy, which keeps nobody waiting, finds where a long text can be divided, and the reader gets
one piece after the other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from time import sleep
from typing import Any

import numpy as np
import numpy.typing as npt

PIECE = 1 << 13
"""Bytes that are read at a time."""

REST_S = 1e-4
"""Seconds between two pieces, in which other threads, such as the event loop's, get their turn."""

MAX_DEPTH = 32
"""Lists and objects within each other, at most."""

MAX_MEMBERS = 256
"""Names in one object, at most; each that a schema does not know is an error of its own."""

MAX_NESTS = 1 << 16
"""Lists and objects in all, at most; each takes twenty times the memory of its two characters."""

MAX_COMMAS = 1 << 21
"""Commas, at most: of each a place is noted."""

MAX_LITERAL = 1000
"""Characters of a number, at most."""

OPENING, CLOSING, COMMA, COLON = 1, 2, 3, 4
KINDS = np.zeros(256, np.uint8)
KINDS[[*b"[{"]], KINDS[[*b"]}"]], KINDS[ord(",")], KINDS[ord(":")] = OPENING, CLOSING, COMMA, COLON
STEPS = np.array([0, 1, -1, 0, 0], np.int8)
QUOTE, BACKSLASH = ord('"'), ord("\\")
BOM = b"\xef\xbb\xbf"

Places = npt.NDArray[np.intp]


class JsonError(ValueError):
    """This is no JSON, or more of it than anybody needs."""


def read_json(text: bytes) -> Any:
    """Return what a JSON text says; surrogates, NaN and infinities are left to the schemas.

    Raises:
        JsonError: It is no JSON in UTF-8, or breaks one of the bounds.
    """
    text = text.removeprefix(BOM)
    if text.count(b",") > MAX_COMMAS:
        raise JsonError(f"more than {MAX_COMMAS} values; send arrays as .npy files")
    marks = _Marks(text)
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH:
        if marks.deepest > MAX_DEPTH:
            raise JsonError(f"more than {MAX_DEPTH} lists and objects within each other")
        if np.count_nonzero(marks.kinds == OPENING) > MAX_NESTS:
            raise JsonError(f"more than {MAX_NESTS} lists and objects; send arrays as .npy files")
    return _value(marks, 0, len(text))


@dataclass(frozen=True)
class _Marks:
    """Brackets, commas and colons of a text that stand outside of its strings."""

    text: bytes

    @cached_property
    def _found(self) -> tuple[Places, npt.NDArray[np.uint8]]:
        data = np.frombuffer(self.text, np.uint8)
        kinds = KINDS.take(data)
        kinds[_in_strings(data)] = 0
        places = np.flatnonzero(kinds != 0)
        return places, kinds[places]

    @property
    def places(self) -> Places:
        """Where they are."""
        return self._found[0]

    @property
    def kinds(self) -> npt.NDArray[np.uint8]:
        """What they are."""
        return self._found[1]

    @cached_property
    def depths(self) -> npt.NDArray[np.int32]:
        """How many lists and objects are open after each."""
        return np.cumsum(STEPS[self.kinds], dtype=np.int32)

    @property
    def deepest(self) -> int:
        """The largest of the depths."""
        return int(self.depths.max(initial=0))

    def between(self, begin: int, end: int) -> tuple[int, int]:
        """Numbers of those that lie within a part of the text."""
        first, last = np.searchsorted(self.places, (begin, end))
        return int(first), int(last)


def _in_strings(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which bytes are those of a string, its opening quote included."""
    quotes = data == QUOTE
    backslashes = data == BACKSLASH
    if backslashes.any():
        # The first of a row of them, the third and so on escape what comes next.
        places = np.flatnonzero(backslashes)
        first = np.diff(places, prepend=-2) != 1
        start = np.maximum.accumulate(np.where(first, places, 0))
        next = places[(places - start) & 1 == 0] + 1
        quotes[next[next < len(data)]] = False
    return (np.cumsum(quotes, dtype=np.uint8) & 1).astype(bool)


def _value(marks: _Marks, begin: int, end: int) -> Any:
    """What a part of the text says, which is one value."""
    text = marks.text[begin:end]
    if end - begin <= PIECE:
        return _loads(text, begin)
    text = text.strip(b" \t\r\n")
    if text[:1] == b"[" and text[-1:] == b"]":
        return _list(marks, begin, end)
    if text[:1] == b"{" and text[-1:] == b"}":
        return _object(marks, begin, end)
    if text[:1] != b'"' and len(text) > MAX_LITERAL:
        raise JsonError(f"neither a string nor a number of {MAX_LITERAL} characters at {begin}")
    return _loads(text, begin)


def _list(marks: _Marks, begin: int, end: int) -> list[Any]:
    found: list[Any] = []
    for one, other, single in _parts(marks, begin, end):
        if single:
            found.append(_value(marks, one, other))
        else:
            found += _loads(b"[%b]" % marks.text[one:other], one - 1)
        sleep(REST_S)
    return found


def _object(marks: _Marks, begin: int, end: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one, other, single in _parts(marks, begin, end):
        if single:
            first, last = marks.between(one, other)
            if first == last or marks.kinds[first] != COLON:
                raise JsonError(f"expecting a name and a value at {one}")
            colon = int(marks.places[first])
            name = _loads(marks.text[one:colon], one)
            if not isinstance(name, str):
                raise JsonError(f"expecting a name in quotes at {one}")
            found[name] = _value(marks, colon + 1, other)
        else:
            found.update(_loads(b"{%b}" % marks.text[one:other], one - 1))
        _count(len(found))
        sleep(REST_S)
    return found


def _parts(marks: _Marks, begin: int, end: int) -> list[tuple[int, int, bool]]:
    """Divide a list or object at its own commas.

    Returns where each part begins and ends, and whether it is a single element, too long for one
    piece; the others are some elements each.
    """
    first, last = marks.between(begin, end)
    depths, kinds = marks.depths[first:last], marks.kinds[first:last]
    own = np.flatnonzero((kinds == COMMA) & (depths == depths[0]))
    closed = np.flatnonzero(depths < depths[0])
    if len(closed) != 1 or closed[0] != len(depths) - 1:
        raise JsonError(f"brackets that do not match, from {begin} on")
    inside = int(marks.places[first]) + 1
    stops = np.append(marks.places[first:last][own], marks.places[last - 1])
    parts: list[tuple[int, int, bool]] = []
    at = 0
    while at < len(stops):
        further = int(np.searchsorted(stops, inside + PIECE, "right"))
        single = further <= at
        upto = at if single else further - 1
        stop = int(stops[upto])
        if not marks.text[inside:stop].strip():
            raise JsonError(f"expecting a value at {inside}")
        parts.append((inside, stop, single))
        inside, at = stop + 1, upto + 1
    return parts


def _loads(text: bytes, begin: int) -> Any:
    try:
        return json.loads(text.decode(), object_pairs_hook=_members)
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg} at character {begin + error.pos}") from None
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8 at byte {begin + error.start}") from None
    except (RecursionError, ValueError) as error:
        raise JsonError(str(error).partition(";")[0]) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _count(len(pairs))
    return dict(pairs)


def _count(members: int) -> None:
    if members > MAX_MEMBERS:
        raise JsonError(f"an object of more than {MAX_MEMBERS} names")
