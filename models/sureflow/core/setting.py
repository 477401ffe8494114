"""Settings: how a lane is run, as far as its scores depend on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

Entry = str | float | bool
Line = tuple[tuple[tuple[str, Entry], ...], str]
"""Key and axis of a setting: what settings share that differ in fineness alone."""

AXES = {"steps": 1, "tolerance": -1}
"""The numbers that set how finely a lane is solved. Fineness grows with the number of steps
(power 1) and falls with the tolerance (power -1)."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a lane of a family is run. A score is compared with scores of lanes run the same way.

    Attributes:
        key: Names and values of everything but the axis, such as
            ``(("guidance", 1.0), ("method", "heun"))``.
        axis: Name of the number that sets the fineness, one of :data:`AXES`.
        value: That number as it stands in a request, such as 20 steps or a tolerance of 0.01.
        comparable: Whether the reference draws were made in the same way. An edited sample was
            not: it is ranked among them, but its confidence is never called calibrated.
    """

    key: tuple[tuple[str, Entry], ...]
    axis: str
    value: float
    comparable: bool = True

    @classmethod
    def of(cls, named: Mapping[str, Any], comparable: bool = True) -> Setting:
        """Make a setting from names and values, exactly one of which is an axis.

        Raises:
            ValueError: There is no axis or more than one, or a value has the wrong type.
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
        """How finely the lane is solved; larger is finer. Quantiles are interpolated in its log."""
        return float(self.value) if AXES[self.axis] > 0 else 1 / self.value

    @property
    def line(self) -> Line:
        """Key and axis: what this setting shares with all that differ from it in fineness alone."""
        return self.key, self.axis

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers in the key by name, such as the guidance scale."""
        return {name: float(value) for name, value in self.key if _number(value)}

    def record(self) -> dict[str, Any]:
        """The setting as a JSON object, which :meth:`of` reads."""
        return {**dict(self.key), **dict.fromkeys(AXES), self.axis: self.value}

    def at(self, value: float) -> Setting:
        """The same setting with another value of its axis."""
        return replace(self, value=value)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
