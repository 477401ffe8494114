"""For which settings a confidence is calibrated: plain data, free of torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sureflow.core.setting import AXES, Entry, Setting

Ends = tuple[float, float | None]
"""First and last of a range, both included; ``None``: without end."""


@dataclass(frozen=True, slots=True)
class CalibratedRange:
    """Where the confidence by one score is calibrated, among settings that differ in fineness.

    Attributes:
        key: What they share, see :class:`~sureflow.core.setting.Setting`.
        axis: What their fineness is counted by.
        ends: Ranges of that number, each ``(smallest, largest)``.
    """

    key: tuple[tuple[str, Entry], ...]
    axis: str
    ends: tuple[Ends, ...]

    def includes(self, setting: Setting) -> bool:
        """Whether a setting is in it."""
        return setting.line == (self.key, self.axis) and any(
            first <= setting.value and (last is None or setting.value <= last)
            for first, last in self.ends
        )

    def words(self) -> str:
        """The same in words."""
        key = ", ".join(f"{name} {value}" for name, value in self.key if isinstance(value, str))
        said = " or ".join(_words(self.axis, *ends) for ends in self.ends)
        return f"{key}: {said}" if key else said

    def record(self) -> dict[str, Any]:
        """As a JSON object."""
        return {**dict(self.key), **dict.fromkeys(AXES, ()), self.axis: self.ends}

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> CalibratedRange:
        """Read it back."""
        (axis,) = (name for name in AXES if record.get(name))
        key = tuple(sorted(entry for entry in record.items() if entry[0] not in AXES))
        return cls(key, axis, tuple((first, last) for first, last in record[axis]))


@dataclass(frozen=True, slots=True)
class CalibratedRanges:
    """Where confidence is uniform among samples like the one that carries it.

    Everywhere else it still puts samples of equal settings in order, but a share of ``c`` of them
    need not have a confidence below ``c``.

    Attributes:
        of_score: By name of the score.
    """

    of_score: Mapping[str, tuple[CalibratedRange, ...]]

    def calibrated_for(self, score: str, setting: Setting | None) -> bool:
        """Whether confidence by a score is calibrated for lanes of a setting."""
        if setting is None or not setting.comparable:
            return False
        return any(found.includes(setting) for found in self.of_score.get(score, ()))

    def words(self, score: str, like: Setting) -> str:
        """The settings of a score in words, those that share the numbers in the key of another.

        Empty if there are none.
        """
        return "; ".join(
            found.words()
            for found in self.of_score.get(score, ())
            if dict(found.key).items() >= like.numbers.items()
        )

    def record(self) -> dict[str, Any]:
        """As a JSON object."""
        return {score: [each.record() for each in found] for score, found in self.of_score.items()}

    @classmethod
    def read(cls, record: Mapping[str, Iterable[Mapping[str, Any]]]) -> CalibratedRanges:
        """Read it back."""
        return cls({score: tuple(map(CalibratedRange.read, of)) for score, of in record.items()})


def _words(axis: str, first: float, last: float | None) -> str:
    if last is None:
        return f"{first:g} or more {axis}"
    if not first:
        return f"{axis} of at most {last:g}"
    ends = f"{first:g}" if first == last else f"{first:g} to {last:g}"
    return f"{ends} {axis}" if AXES[axis] > 0 else f"{axis} of {ends}"
