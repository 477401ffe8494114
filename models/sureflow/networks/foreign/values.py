"""Checks the values in the description of an exported program, one function per type.

Each returns a value that is written anew, so nothing that is not known here reaches torch. torch
makes Python source of names, so they are plain identifiers.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch

from sureflow.networks.foreign.symbols import check_expression

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}", re.ASCII)
PATH = re.compile(r"[A-Za-z0-9_]{1,200}(\.[A-Za-z0-9_]{1,200}){0,40}", re.ASCII)
LONGEST_TEXT = 200

TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
}
"""Types of numbers, by their codes in a program."""

STRIDED, CONTIGUOUS, LAST_FORMAT = 7, 1, 4
"""Codes of the only layout, and of the first and last memory format."""

T = TypeVar("T")


def wrong(what: str, value: object) -> ValueError:
    """The error for a value that torch.export.save does not write."""
    return ValueError(f"program: expected {what}, found {str(value)[:60]!r}; export it again")


def name(value: object) -> str:
    """A name of a value in the program."""
    if not (isinstance(value, str) and NAME.fullmatch(value)) or value.startswith("__"):
        raise wrong("a name", value)
    if keyword.iskeyword(value):
        raise wrong("a name that is no keyword", value)
    return value


def path(value: object) -> str:
    """A dotted name of a tensor in the exported module."""
    if not (isinstance(value, str) and PATH.fullmatch(value)):
        raise wrong("the name of a tensor", value)
    if any(part.startswith("__") for part in value.split(".")):
        raise wrong("the name of a tensor", value)
    return value


def integer(value: object) -> int:
    """An integer of 64 bits."""
    if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
        raise wrong("an integer", value)
    return value


def code(value: object) -> int:
    """The code of a type of numbers."""
    if integer(value) not in TYPES:
        raise wrong("a type of numbers from uint8 to bfloat16", value)
    return integer(value)


def number(value: object) -> float | str:
    """A float, or the text of one that is not finite."""
    if value in ("Infinity", "-Infinity", "NaN"):
        return str(value)
    if not ((type(value) is int and abs(value) < 1 << 63) or type(value) is float):
        raise wrong("a number", value)
    if not math.isfinite(value):
        raise wrong("a finite number", value)
    return float(value)


def flag(value: object) -> bool:
    """A truth value."""
    if type(value) is not bool:
        raise wrong("a truth value", value)
    return value


def text(value: object) -> str:
    """A short text, such as a mode of padding."""
    if not (isinstance(value, str) and len(value) <= LONGEST_TEXT and value.isprintable()):
        raise wrong("a short text", value)
    return value


def table(value: object, *names: str) -> dict[str, Any]:
    """A table that has at least these names."""
    if not isinstance(value, dict) or any(n not in value for n in names):
        raise wrong(f"a table of {', '.join(names)}", value)
    return value


def entries(value: object) -> dict[str, Any]:
    """A table of any names."""
    return table(value)


def items(value: object) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise wrong("a list", value)
    return value


def several(check: Callable[[Any], T]) -> Callable[[Any], list[T]]:
    """The check of a list, from that of its items."""
    return lambda value: [check(item) for item in items(value)]


def one_of(kinds: Mapping[str, Callable[[Any], Any]]) -> Callable[[Any], dict[str, Any]]:
    """The check of a table with one entry, whose name says which check it must pass."""

    def check(value: Any) -> dict[str, Any]:
        pairs = [*entries(value).items()]
        if len(pairs) != 1 or pairs[0][0] not in kinds:
            raise wrong(f"one of {', '.join(kinds)}", value)
        kind, inner = pairs[0]
        return {kind: kinds[kind](inner)}

    return check


def expression(value: object) -> dict[str, Any]:
    """A symbolic expression with its example."""
    whole, hints = (
        table(value, "expr_str"),
        {"as_int": integer, "as_bool": flag, "as_float": number},
    )
    hint = whole.get("hint")
    return {
        "expr_str": check_expression(whole["expr_str"]),
        "hint": None if hint is None else one_of(hints)(hint),
    }


size = one_of({"as_expr": expression, "as_int": integer})
"""A size, or an expression for it."""
