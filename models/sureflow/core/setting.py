"""How lanes are run, as far as it matters to what their scores are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

Entry = str | float | bool
Line = tuple[tuple[tuple[str, Entry], ...], str]
"""What settings share that differ in fineness alone: their key and axis."""

AXES = {"steps": 1, "tolerance": -1}
"""What fineness can be counted by, and the power of it that fineness is: more steps are finer, and
so is a smaller tolerance."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A place among the settings of a family.

    Attributes:
        key: What settings share that differ in fineness alone: names and values, by name, such as
            ``(("guidance", 1.0), ("method", "heun"))``.
        axis: What fineness is counted by, one of :data:`AXES`; part of what they share.
        value: That number as a request has it, such as 20 steps, or a tolerance of 0.01.
        comparable: Whether a lane is drawn as reference draws are. Others, such as edited ones,
            are ranked among them all the same, but no confidence of theirs is calibrated.
    """

    key: tuple[tuple[str, Entry], ...]
    axis: str
    value: float
    comparable: bool = True

    @classmethod
    def of(cls, named: Mapping[str, Any], comparable: bool = True) -> Setting:
        """The setting with these names and values, one of the names being an axis.

        Raises:
            ValueError: It has no axis or several, or a value is none.
        """
        axes = [axis for axis in AXES if named.get(axis) is not None]
        key = tuple(sorted(entry for entry in named.items() if entry[0] not in AXES))
        value: Any = named[axes[0]] if len(axes) == 1 else None
        if not _number(value) or value <= 0:
            raise ValueError(f"should have {' or '.join(AXES)}, above 0")
        if wrong := [name for name, entry in key if not (_number(entry) or isinstance(entry, str))]:
            raise ValueError(f"{wrong[0]} is no string and no number")
        return cls(key, axes[0], value, comparable)

    @property
    def fineness(self) -> float:
        """Larger is finer; settings of one key are interpolated in its logarithm."""
        return float(self.value) if AXES[self.axis] > 0 else 1 / self.value

    @property
    def line(self) -> Line:
        """What it shares with coarser and finer ones: key and axis."""
        return self.key, self.axis

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers in its key, by name, such as a scale of guidance."""
        return {name: float(value) for name, value in self.key if _number(value)}

    def record(self) -> dict[str, Any]:
        """As a JSON object, as :meth:`of` reads it."""
        return {**dict(self.key), **dict.fromkeys(AXES), self.axis: self.value}

    def at(self, value: float) -> Setting:
        """The setting of this line at another value of its axis."""
        return Setting(self.key, self.axis, value, self.comparable)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
