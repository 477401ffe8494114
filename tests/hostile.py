"""Files as nobody of good will writes them: each a sound one, damaged in one way or in a few."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from copy import deepcopy
from typing import Any

NUMBERS: list[Any] = [
    0, -1, 1, 2, 7, 10**4, 10**6, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64,
    10**30, 10**400, -(10**30), 0.5, -0.0, 1e-320, 1e38, 1e300,
    float("nan"), float("inf"), float("-inf"),
]  # fmt: skip
"""Of which JSON as Python writes it has words for all, and readers have trouble with many."""

DTYPES: list[Any] = ["F64", "F32", "F16", "BF16", "F8_E4M3", "I64", "U8", "BOOL", "F33", "", 32]

DEPTH = 3000


def deep(opening: str = "[", closing: str = "]", depth: int = DEPTH) -> str:
    return opening * depth + closing * depth


def value(chance: random.Random) -> Any:
    """Something that may stand anywhere in JSON, and should not."""
    return chance.choice(
        [
            lambda: chance.choice(NUMBERS),
            lambda: chance.choice(NUMBERS),
            lambda: chance.choice(NUMBERS),
            lambda: chance.choice([None, True, False, "", [], {}, [[]], {"": {}}]),
            lambda: chance.choice(["\ud800", "\x00", "../../etc/passwd", "x" * 9000, "é"]),
            lambda: [chance.choice(NUMBERS) for _ in range(chance.randrange(4))],
            lambda: json.loads(deep(depth=200)),
        ]
    )()


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every node below the root."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = []
    for key, node in inner:
        found.append((*path, key))
        if isinstance(node, dict | list):
            found += places(node, (*path, key))
    return found


def altered(chance: random.Random, sound: Any) -> Any:
    """A tree with one to three nodes replaced, removed, or put in twice."""
    tree = deepcopy(sound)
    for _ in range(chance.randint(1, 3)):
        found = places(tree)
        if not found:
            break
        *way, key = chance.choice(found)
        node = tree
        for step in way:
            node = node[step]
        what = chance.random()
        if what < 0.7:
            node[key] = value(chance)
        elif what < 0.85:
            del node[key]
        elif isinstance(node, list):
            node.insert(0, deepcopy(node[key]))
        else:
            node[f"{key}{chance.choice(['', '_', chr(0)])}"] = deepcopy(node[key])
    return tree


def spoilt(chance: random.Random, sound: bytes) -> bytes:
    """Bytes changed, cut off, doubled or put in."""
    data = bytearray(sound)
    for _ in range(chance.randint(1, 4)):
        if data:
            data[chance.randrange(len(data))] = chance.randrange(256)
    place = chance.randrange(len(data) + 1)
    return bytes(
        chance.choice(
            [
                data,
                data[:place],
                data[place:],
                data + data,
                data[:place] + chance.randbytes(9) + data[place:],
                b"",
                b"\xef\xbb\xbf" + sound,
            ]
        )
    )


def text(chance: random.Random, sound: bytes) -> bytes:
    """JSON that is damaged, or sound and hostile."""
    tree = json.loads(sound)
    ways: list[Callable[[], bytes]] = [
        *[lambda: json.dumps(altered(chance, tree)).encode()] * 6,
        lambda: spoilt(chance, sound),
        lambda: json.dumps(tree).encode(chance.choice(["utf-16", "utf-32"])),
        lambda: chance.choice([b"[]", b"null", b"0", b"NaN", b"-", b"\xff", deep().encode()]),
        lambda: nested(chance, tree),
        lambda: b'{"name":1,' + sound.strip()[1:],
    ]
    return chance.choice(ways)()


def nested(chance: random.Random, tree: Any) -> bytes:
    """With one value that is deeper than readers are."""
    copy = deepcopy(tree)
    copy[chance.choice(["name", *copy] if isinstance(copy, dict) else [*range(len(copy))])] = "DEEP"
    inner = chance.choice([deep(), deep('{"a":', "}").replace("{}", '{"a":0}')])
    return json.dumps(copy).replace('"DEEP"', inner, 1).encode()


def tensors(chance: random.Random, sound: bytes) -> bytes:
    """A safetensors file whose header, lengths or numbers are not what they should be."""
    (length,) = struct.unpack("<Q", sound[:8])
    header, body = json.loads(sound[8 : 8 + length]), sound[8 + length :]
    ways: list[Callable[[], bytes]] = [
        *[lambda: joined(entry(chance, header), body)] * 6,
        lambda: joined(altered(chance, header), body),
        lambda: joined(header, numbers(chance, body)),
        lambda: joined(noted(chance, header), body),
        lambda: spoilt(chance, sound),
        lambda: sound[: chance.randrange(len(sound))],
        lambda: struct.pack("<Q", chance.choice(LENGTHS) % 2**64) + sound[8:],
        lambda: struct.pack("<Q", (length + chance.randint(-9, 9)) % 2**64) + sound[8:],
        lambda: framed(text(chance, sound[8 : 8 + length]), body),
        lambda: joined(header, body + b"\x00" * chance.choice([1, 4, 1000])),
    ]
    return chance.choice(ways)()


LENGTHS = [0, 1, 2, 7, 10**6, 10**8, 2**31, 2**32, 2**62, 2**63, 2**64 - 8, 2**64 - 1]


def framed(header: bytes, body: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + body


def joined(header: Any, body: bytes) -> bytes:
    return framed(json.dumps(header).encode(), body)


def entry(chance: random.Random, header: dict[str, Any]) -> dict[str, Any]:
    """One tensor is not what its bytes are."""
    copy = deepcopy(header)
    names = [name for name in copy if name != "__metadata__"]
    if not names:
        return {"none": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    one = copy[chance.choice(names)]
    what = chance.randrange(6)
    if what == 0:
        one["dtype"] = chance.choice(DTYPES)
    elif what == 1:
        one["shape"] = [chance.choice(NUMBERS) for _ in range(chance.randrange(4))]
    elif what == 2:
        one["shape"] = [*one["shape"], 1]
    elif what == 3:
        one["data_offsets"] = [chance.choice(NUMBERS), chance.choice(NUMBERS)]
    elif what == 4:
        one["data_offsets"] = copy[chance.choice(names)]["data_offsets"]
    else:
        one["data_offsets"] = [end + chance.choice([-4, 4, 2**40]) for end in one["data_offsets"]]
    return copy


def noted(chance: random.Random, header: dict[str, Any]) -> dict[str, Any]:
    """What stands beside the tensors, as JSON in strings, is hostile."""
    copy = deepcopy(header)
    notes = copy.setdefault("__metadata__", {})
    name = chance.choice([*notes, "settings", "score", "judged", "shifts"])
    try:
        notes[name] = text(chance, notes.get(name, '{"a":[1]}').encode()).decode("latin-1")
    except ValueError:  # one that is no JSON
        notes[name] = chance.choice(["", "nobody", "{}", "[1]", "NaN"])
    return copy


def numbers(chance: random.Random, body: bytes) -> bytes:
    """Other numbers in the tensors: NaN, infinity, denormals, the wrong order."""
    data = bytearray(body)
    for _ in range(chance.randint(1, 8)):
        size = chance.choice([4, 8])
        if len(data) < size:
            break
        word = chance.choice([float("nan"), float("inf"), -1e30, 1e-320, 0.0, -1.0, 3.0])
        place = chance.randrange(len(data) // size) * size
        data[place : place + size] = struct.pack("<f" if size == 4 else "<d", word)
    return bytes(data)
