"""Fields of a JSON object, each checked as it is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MAX_QUOTED = 60


class Fields:
    """Fields of an object by name. Absent and null ones have a default.

    All methods raise a ValueError that begins with the field's name.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def given(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self._given.get(name) is not None

    def flag(self, name: str) -> bool:
        """True or false; false if absent."""
        value = self._given.get(name)
        if value not in (None, False, True):
            raise ValueError(f"{name}: expected true or false, not {_quoted(value)}")
        return bool(value)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number in a range."""
        value = self._given.get(name)
        value = default if value is None else value
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not (plain and low <= value <= high):
            raise ValueError(f"{name}: {_quoted(value)} is no number in {low:g} .. {high:g}")
        return float(value)

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number in a range."""
        value = self.number(name, default, low, high)
        if value != int(value):
            raise ValueError(f"{name}: {value:g} is no whole number")
        return int(value)

    def choice(self, name: str, known: Mapping[str, str], default: str) -> str:
        """What a text among the known ones stands for."""
        value = self._given.get(name)
        value = default if value is None else value
        if not (isinstance(value, str) and value in known):
            raise ValueError(f"{name}: {_quoted(value)} is unknown; choose from {', '.join(known)}")
        return known[value]

    def numbers(self, name: str, least: int, most: int, low: float, high: float) -> list[float]:
        """Several numbers in a range; none if absent."""
        value = self._given.get(name)
        if value is None:
            return []
        if not (isinstance(value, list) and least <= len(value) <= most):
            raise ValueError(f"{name}: expected {least} to {most} numbers")
        entries = Fields({f"{name}[{i}]": entry for i, entry in enumerate(value)})
        return [entries.number(f"{name}[{i}]", math.nan, low, high) for i in range(len(value))]


def _quoted(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > MAX_QUOTED:
        return "an enormous number"
    text = repr(value)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."
