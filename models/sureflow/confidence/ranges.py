"""For which settings a confidence is calibrated, in the form that model cards have. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sureflow.core.setting import AXES, Line, Setting

Ends = tuple[float, float | None]
"""First and last of a range, both included; ``None``: without end."""

CalibratedRange = Mapping[str, Any]
"""Settings that differ in fineness alone, as JSON: names and values of their key, see
:class:`~sureflow.core.setting.Setting`; and by name of every axis the ranges, :data:`Ends`."""

CalibratedRanges = Mapping[str, Sequence[CalibratedRange]]
"""By name of the score: the settings at which confidence is uniform among such samples.

At other settings it still puts samples of equal settings in order, but a share of ``c`` of them
need not have a confidence below ``c``."""


def calibrated_range(line: Line, ends: Sequence[Ends]) -> CalibratedRange:
    """These ranges of the settings of a line."""
    key, axis = line
    return {**dict(key), **dict.fromkeys(AXES, ()), axis: ends}


def calibrated_for(ranges: CalibratedRanges, score: str, setting: Setting | None) -> bool:
    """Whether the confidence by a score is calibrated for lanes of a setting."""
    if setting is None or not setting.comparable:
        return False
    key = dict(setting.key)
    return any(
        first <= setting.value and (last is None or setting.value <= last)
        for found in ranges.get(score, ())
        if key == {name: value for name, value in found.items() if name not in AXES}
        for first, last in found[setting.axis]
    )


def in_words(ranges: CalibratedRanges, score: str, like: Setting) -> str:
    """The settings of a score that share the numbers in the key of another one; may be empty."""
    return "; ".join(
        _words(found) for found in ranges.get(score, ()) if found.items() >= like.numbers.items()
    )


def _words(found: CalibratedRange) -> str:
    key = ", ".join(f"{name} {value}" for name, value in found.items() if isinstance(value, str))
    said = " or ".join(_ends(axis, *ends) for axis in AXES for ends in found[axis])
    return f"{key}: {said}" if key else said


def _ends(axis: str, first: float, last: float | None) -> str:
    if last is None:
        return f"{first:g} or more {axis}"
    if not first:
        return f"{axis} of at most {last:g}"
    ends = f"{first:g}" if first == last else f"{first:g} to {last:g}"
    return f"{ends} {axis}" if AXES[axis] > 0 else f"{axis} of {ends}"
