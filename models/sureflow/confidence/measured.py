"""What settings do to confidence, as measured, and what follows for those between them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, log
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sureflow.confidence.quantile_map import LIMIT, SAME, Floats, QuantileMap
from sureflow.confidence.ranges import CalibratedRange, CalibratedRanges, Ends
from sureflow.core.provenance import complaint
from sureflow.core.setting import Setting

MAPS, NOTE = "shifts/", "shifts"
"""Prefix of the maps in the file of the calibration, and an entry of its metadata."""

BEYOND = 2.4
"""How much finer than the finest setting that was measured the check beyond it is."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Confidence at one setting against that of the reference draws.

    Attributes:
        setting: The setting.
        maps: By score, or by ``score/stratum`` where the strata were told apart: the share of its
            samples that are at most at a rank among the reference draws, which is their confidence.
            None: the rank itself.
        error: By score: how far from uniform the confidence may still be afterwards.
        between: Of a check: fineness of the neighbours from which confidence was interpolated, the
            finer one infinite if there is none. No map is fitted to a check, so that its error is
            that of interpolation.
    """

    setting: Setting
    maps: Mapping[str, QuantileMap]
    error: Mapping[str, float]
    between: tuple[float, float] | None = None

    def map(self, score: str, stratum: str) -> QuantileMap:
        """Of one score in one stratum."""
        return self.maps.get(f"{score}/{stratum}", self.maps.get(score, SAME))

    def good(self, score: str) -> bool:
        """Whether confidence is uniform enough."""
        return self.error[score] <= LIMIT

    def updated(self, other: Measured) -> Measured:
        """The same, but for the scores that another one tells of."""
        kept = {n: each for n, each in self.maps.items() if n.split("/")[0] not in other.error}
        return Measured(
            self.setting, {**kept, **other.maps}, {**self.error, **other.error}, other.between
        )


@dataclass(frozen=True, eq=False)
class Measurements:
    """All that has been measured: settings, those of the reference draws first, and checks.

    Attributes:
        of: All of them.
        ranges: For which settings confidence is calibrated, by :func:`ranges`.
    """

    of: tuple[Measured, ...]

    @cached_property
    def ranges(self) -> CalibratedRanges:
        """Where confidence is calibrated, by score."""
        found: dict[str, list[CalibratedRange]] = {}
        pairs = ((score, each.setting.line) for each in self.of for score in each.error)
        for score, line in dict.fromkeys(pairs):
            if ends := ranges(*self._line(score, line), score):
                found.setdefault(score, []).append(CalibratedRange(*line, ends))
        return CalibratedRanges({score: tuple(of) for score, of in found.items()})

    def renewed(self, others: Iterable[Measured]) -> Measurements:
        """The same with what others say of their settings and scores in place of what was known."""
        known = {(each.setting, each.between is None): each for each in self.of}
        for each in others:
            place = each.setting, each.between is None
            known[place] = known[place].updated(each) if place in known else each
        return Measurements(tuple(known.values()))

    def confidence(
        self, rank: float | Floats, score: str, stratum: str, setting: Setting
    ) -> Floats:
        """Confidence among samples of a setting, from ranks among the reference draws.

        Between two settings of a line that were measured it is interpolated; beyond them it is that
        of the nearest. Lines that were not measured have that of the reference draws.
        """
        line, _ = self._line(score, setting.line)
        if not line:
            return np.clip(rank, 0.0, 1.0)
        fine = [each.setting.fineness for each in line]
        after = int(np.searchsorted(fine, setting.fineness))
        exact = after < len(fine) and fine[after] == setting.fineness
        low = line[after if exact else max(after - 1, 0)]
        high = line[min(after, len(line) - 1)]
        shares = low.map(score, stratum).at(rank)
        if low is high:
            return shares
        start, end = (log(each.setting.fineness) for each in (low, high))
        part = (log(setting.fineness) - start) / (end - start)
        return np.asarray((1 - part) * shares + part * high.map(score, stratum).at(rank))

    def untried(self, settings: Sequence[Setting]) -> list[tuple[Setting, tuple[float, float]]]:
        """Checks that are to be made: next to these settings, where there have been none.

        Args:
            settings: Of those measured.

        Returns:
            Where to try, and the fineness of the neighbours.
        """
        found = {}
        for line in dict.fromkeys(setting.line for setting in settings):
            known = {e.setting for e in self.of if e.setting.line == line and e.between is None}
            order = sorted(known, key=lambda one: one.fineness)
            for coarse, fine in zip(order, [*order[1:], None], strict=True):
                around = coarse.fineness, inf if fine is None else fine.fineness
                middle = between(coarse, fine)
                new = coarse in settings or fine in settings
                if new and middle is not None and not _around(self.of, line, around):
                    found[middle] = around
        return [*found.items()]

    def _line(self, score: str, line: Any) -> tuple[list[Measured], list[Measured]]:
        """Those of a line that tell of a score, the coarsest first; and its checks."""
        told = [m for m in self.of if m.setting.line == line and score in m.error]
        told.sort(key=lambda measured: measured.setting.fineness)
        return [m for m in told if m.between is None], [m for m in told if m.between]

    def tensors(self) -> dict[str, Floats]:
        """What is stored of it."""
        return {
            f"{MAPS}{number}/{name}": found.tensor()
            for number, measured in enumerate(self.of)
            for name, found in measured.maps.items()
        }

    def metadata(self) -> dict[str, str]:
        """What is stored beside the tensors."""
        notes = []
        for each in self.of:
            note: dict[str, Any] = {"setting": each.setting.record(), "error": dict(each.error)}
            if each.between is not None:
                coarse, fine = each.between
                note["between"] = [coarse, None if fine == inf else fine]
            notes.append(note)
        return {NOTE: json.dumps(notes)}

    @classmethod
    def read(
        cls, tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]
    ) -> Measurements:
        """Read it back.

        Raises:
            ValueError: There is none, a map is none, or a setting.
        """
        try:
            notes = _NOTES.validate_json(metadata.get(NOTE, ""), strict=True)
        except ValidationError as error:
            message = f"{NOTE}: no list of settings and errors: {complaint(error)}"
            raise ValueError(message) from error
        found = []
        for number, note in enumerate(notes):
            prefix = f"{MAPS}{number}/"
            maps = {
                name.removeprefix(prefix): _map(name, tensor)
                for name, tensor in tensors.items()
                if name.startswith(prefix)
            }
            ends = note.between and (note.between[0], note.between[1] or inf)
            found.append(Measured(Setting.of(note.setting), maps, note.error, ends))
        return cls(tuple(found))


def _map(name: str, tensor: npt.NDArray[Any]) -> QuantileMap:
    try:
        return QuantileMap.read(tensor)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error


_Positive = Annotated[float, Field(gt=0)]


class _Note(BaseModel):
    """What is stored of a setting beside its maps."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    setting: dict[str, str | bool | int | float | None]
    error: dict[str, Annotated[float, Field(ge=0)]]
    between: tuple[_Positive, _Positive | None] | None = None


_NOTES = TypeAdapter(list[_Note])


def ranges(line: Sequence[Measured], checks: Sequence[Measured], score: str) -> tuple[Ends, ...]:
    """Ranges of steps, or of tolerances, over which confidence by a score is calibrated.

    At a setting that was measured, if its error is at most
    :data:`~sureflow.confidence.quantile_map.LIMIT`. Between two of these, and beyond the finest
    one, only if a check says so: interpolation is tried where nothing was fitted, and must not be
    more than that off.

    Args:
        line: What was measured on one line, the coarsest first.
        checks: Those of the line.
        score: Name of the score.
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
    """Whether checks say that interpolation works between neighbours, and none that it fails."""
    start, end = coarse.fineness, inf if fine is None else fine.fineness
    inside = (check for check in checks if start < check.setting.fineness < end)
    tried = _around([c for c in checks if c.good(score)], coarse.line, (start, end))
    return (tried or between(coarse, fine) is None) and all(c.good(score) for c in inside)


def _around(checks: Iterable[Measured], line: Any, ends: tuple[float, float]) -> bool:
    """Whether there is a check of a line within neighbours that are no nearer than these."""
    return any(
        check.between is not None
        and check.setting.line == line
        and check.between[0] <= ends[0]
        and ends[1] <= check.between[1]
        for check in checks
    )


def _ends(coarsest: Setting, finest: Setting | None) -> Ends:
    """Numbers of steps or tolerances between two settings, or from one on."""
    if coarsest.axis == "steps":
        return coarsest.value, None if finest is None else finest.value
    return 0.0 if finest is None else finest.value, coarsest.value


def between(coarse: Setting, fine: Setting | None) -> Setting | None:
    """Where interpolation between two settings is tried; beyond the first if there is no other.

    Near their geometric mean. Numbers of steps are prime, if there is one between them: times at
    which a score begins to count, such as 0.5 or 0.8, are then not on their grid, though they may
    be on the grids of both neighbours. None if nothing lies between them.
    """
    start, end = coarse.fineness, inf if fine is None else fine.fineness
    middle = start * BEYOND if fine is None else (start * end) ** 0.5
    if coarse.axis != "steps":
        return coarse.at(float(f"{1 / middle:.2g}"))
    inside = range(int(start) + 1, int(min(end, 2 * middle)))
    primes = [n for n in inside if all(n % factor for factor in range(2, int(n**0.5) + 1))]
    nearest = min(primes or inside, key=lambda n: abs(n - middle), default=None)
    return None if nearest is None else coarse.at(nearest)
