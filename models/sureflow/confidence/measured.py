"""What was measured of confidence at settings, and what follows from it for settings between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, log
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sureflow.confidence.quantile_map import LIMIT, SAME, QuantileMap, check_map, share_at
from sureflow.confidence.ranges import CalibratedRange, CalibratedRanges, Ends, calibrated_range
from sureflow.core.arrays import Floats
from sureflow.core.provenance import complaint
from sureflow.core.setting import Line, Setting

SHIFTS = "shifts"
"""Section of the maps in the file of the calibration, and an entry of its metadata."""

BEYOND = 2.4
"""How much finer than the finest setting that was measured the check beyond it is."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of confidence at one setting.

    Attributes:
        setting: The setting.
        maps: By score, or by ``score/stratum`` where every stratum has a map of its own: the map
            from ranks among the reference draws to confidence; without one it is the rank.
        error: By score: how far from uniform the confidence may still be.
        between: For a check: fineness of the neighbours from which its confidence was interpolated;
            the finer one is infinite if there is none. A check has no maps, so that its error is
            that of interpolation.
    """

    setting: Setting
    maps: Mapping[str, QuantileMap]
    error: Mapping[str, float]
    between: tuple[float, float] | None = None

    def confidence(self, rank: float | Floats, score: str, stratum: str) -> Floats:
        """Confidence by a score in one stratum, from ranks among the reference draws."""
        return share_at(self.maps.get(f"{score}/{stratum}", self.maps.get(score, SAME)), rank)

    def good(self, score: str) -> bool:
        """Whether confidence is uniform enough."""
        return self.error[score] <= LIMIT

    def around(self, coarse: Setting, fine: Setting | None) -> bool:
        """Whether this is a check between these settings, or between others farther apart."""
        if self.between is None or self.setting.line != coarse.line:
            return False
        return self.between[0] <= coarse.fineness and _fineness(fine) <= self.between[1]

    def updated(self, other: Measured) -> Measured:
        """The same, with the scores of another one in place of those known."""
        kept = {n: each for n, each in self.maps.items() if n.split("/")[0] not in other.error}
        return Measured(
            self.setting, {**kept, **other.maps}, {**self.error, **other.error}, other.between
        )


@dataclass(frozen=True, eq=False)
class Measurements:
    """All settings and checks that were measured; the settings of the reference draws come first.

    Attributes:
        of: All of them.
    """

    of: tuple[Measured, ...]

    @cached_property
    def ranges(self) -> CalibratedRanges:
        """The settings for which confidence is calibrated, see :func:`ranges`."""
        found: dict[str, list[CalibratedRange]] = {}
        for (score, line), (measured, checks) in self._lines.items():
            if ends := ranges(measured, checks, score):
                found.setdefault(score, []).append(calibrated_range(line, ends))
        return found

    @cached_property
    def _lines(self) -> dict[tuple[str, Line], tuple[list[Measured], list[Measured]]]:
        """By score and line: what was measured of it, the coarsest first, and the checks."""
        found: dict[tuple[str, Line], tuple[list[Measured], list[Measured]]] = {}
        for each in self.of:
            for score in each.error:
                measured, checks = found.setdefault((score, each.setting.line), ([], []))
                (measured if each.between is None else checks).append(each)
        for measured, _ in found.values():
            measured.sort(key=lambda each: each.setting.fineness)
        return found

    def renewed(self, others: Iterable[Measured]) -> Measurements:
        """The same, with what others say of their settings and scores in place of what is known."""
        known = {(each.setting, each.between is None): each for each in self.of}
        for each in others:
            place = each.setting, each.between is None
            known[place] = known[place].updated(each) if place in known else each
        return Measurements(tuple(known.values()))

    def confidence(
        self, rank: float | Floats, score: str, stratum: str, setting: Setting
    ) -> Floats:
        """Confidence among samples of a setting, from ranks among the reference draws.

        It is interpolated between two settings of a line that were measured, and is that of the
        nearest beyond them. On a line that was not measured it is that of the reference draws.
        """
        line, _ = self._lines.get((score, setting.line), ([], []))
        if not line:
            return np.clip(rank, 0.0, 1.0)
        fine = [each.setting.fineness for each in line]
        after = int(np.searchsorted(fine, setting.fineness))
        exact = after < len(fine) and fine[after] == setting.fineness
        low = line[after if exact else max(after - 1, 0)]
        high = line[min(after, len(line) - 1)]
        shares = low.confidence(rank, score, stratum)
        if low is high:
            return shares
        start, end = (log(each.setting.fineness) for each in (low, high))
        part = (log(setting.fineness) - start) / (end - start)
        return np.asarray((1 - part) * shares + part * high.confidence(rank, score, stratum))

    def untried(self, settings: Sequence[Setting]) -> list[tuple[Setting, tuple[float, float]]]:
        """Where checks are still to be made next to these settings; fineness of the neighbours."""
        found = {}
        for line in dict.fromkeys(setting.line for setting in settings):
            known = {e.setting for e in self.of if e.setting.line == line and e.between is None}
            order = sorted(known, key=lambda one: one.fineness)
            for coarse, fine in zip(order, [*order[1:], None], strict=True):
                middle = between(coarse, fine)
                if middle is None or not {coarse, fine} & {*settings}:
                    continue
                if not any(check.around(coarse, fine) for check in self.of):
                    found[middle] = coarse.fineness, _fineness(fine)
        return [*found.items()]

    def tensors(self) -> dict[str, Floats]:
        """The tensors that the file has of it, by number of the setting and name of the map."""
        return {
            f"{number}/{name}": found
            for number, measured in enumerate(self.of)
            for name, found in measured.maps.items()
        }

    def notes(self) -> list[dict[str, Any]]:
        """What the file has beside the tensors, as JSON."""
        notes: list[dict[str, Any]] = []
        for each in self.of:
            notes.append({"setting": each.setting.record(), "error": dict(each.error)})
            if each.between is not None:
                notes[-1]["between"] = [None if end == inf else end for end in each.between]
        return notes

    @classmethod
    def read(cls, tensors: Mapping[str, Floats], text: str) -> Measurements:
        """Read :meth:`tensors`, and :meth:`notes` as a text.

        Raises:
            ValueError: There is none, or a map or a setting is none.
        """
        try:
            notes = _NOTES.validate_json(text, strict=True)
        except ValidationError as error:
            message = f"{SHIFTS}: no list of settings and errors: {complaint(error)}"
            raise ValueError(message) from error
        maps: dict[str, dict[str, QuantileMap]] = defaultdict(dict)
        for name, tensor in tensors.items():
            number, _, rest = name.partition("/")
            maps[number][rest] = check_map(f"{SHIFTS}/{name}", tensor)
        found = []
        for place, note in enumerate(notes):
            ends = note.between and (note.between[0], note.between[1] or inf)
            found.append(Measured(Setting.of(note.setting), maps[str(place)], note.error, ends))
        return cls(tuple(found))


_Positive = Annotated[float, Field(gt=0)]


class _Note(BaseModel):
    """What the file has of a setting beside its maps."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    setting: dict[str, str | bool | int | float | None]
    error: dict[str, Annotated[float, Field(ge=0)]]
    between: tuple[_Positive, _Positive | None] | None = None


_NOTES = TypeAdapter(list[_Note])


def ranges(line: Sequence[Measured], checks: Sequence[Measured], score: str) -> tuple[Ends, ...]:
    """Ranges of steps, or of tolerances, over which confidence by a score is calibrated.

    They include the settings of a line, the coarsest first, that were measured to be good. They go
    on to the next of these, or beyond the finest one, if a check found interpolation good there,
    and none found it bad.
    """
    found: list[Ends] = []
    first: Setting | None = None
    for this, following in zip(line, [*line[1:], None], strict=True):
        if not this.good(score):
            continue
        first = first or this.setting
        finer = None if following is None else following.setting
        good = following is None or following.good(score)
        joined = good and _joined(this.setting, finer, checks, score)
        if finer is None or not joined:
            found.append(_ends(first, None if joined else this.setting))
            first = None
    return tuple(found)


def _joined(coarse: Setting, fine: Setting | None, checks: Sequence[Measured], score: str) -> bool:
    """Whether checks found interpolation good between neighbours, and none found it bad."""
    inside = (c for c in checks if coarse.fineness < c.setting.fineness < _fineness(fine))
    tried = any(check.good(score) and check.around(coarse, fine) for check in checks)
    return (tried or between(coarse, fine) is None) and all(c.good(score) for c in inside)


def _fineness(setting: Setting | None) -> float:
    return inf if setting is None else setting.fineness


def _ends(coarsest: Setting, finest: Setting | None) -> Ends:
    """Numbers of steps or tolerances between two settings, or from one on."""
    if coarsest.axis == "steps":
        return coarsest.value, None if finest is None else finest.value
    return 0.0 if finest is None else finest.value, coarsest.value


def between(coarse: Setting, fine: Setting | None) -> Setting | None:
    """Where interpolation between two settings is tried, or beyond the first if it is the finest.

    That is near their geometric mean. A number of steps is prime, if there is such a one: its grid
    then lacks the times at which a score begins to count, such as 0.5 or 0.8, which the grids of
    both neighbours may have. None if nothing lies between them.
    """
    start, end = coarse.fineness, _fineness(fine)
    middle = start * BEYOND if fine is None else (start * end) ** 0.5
    if coarse.axis != "steps":
        return coarse.at(float(f"{1 / middle:.2g}"))
    inside = range(int(start) + 1, int(min(end, 2 * middle)))
    primes = [n for n in inside if all(n % factor for factor in range(2, int(n**0.5) + 1))]
    nearest = min(primes or inside, key=lambda n: abs(n - middle), default=None)
    return None if nearest is None else coarse.at(nearest)
