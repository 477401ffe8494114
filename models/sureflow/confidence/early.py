"""Bounds by which lanes are abandoned whose samples would be of no use."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sureflow.core.arrays import Floats
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting

LEVELS = 65
"""Quantiles stored of a statistic at one time."""

SHARES = np.arange(1, 20) / 20
"""Shares of samples that pass for which bounds are fitted; between them the next larger holds."""

STATISTICS = 2
"""Statistics of a lane: its running score, and what a foresight says."""

ALONE = np.eye(STATISTICS)[0]
"""Weights of the running score alone."""

NEVER = 3.0
"""A bound that no rank is beyond."""

EARLY, PARTS, WEIGHTS = "early", ("times", "quantiles", "bounds"), "weights"
"""Section in the file of the calibration, and names of the tensors of each score."""


@dataclass(frozen=True)
class Early:
    """What foretells one score at times on the way, and bounds on it.

    That is, at each time, the weighted sum of the lane's :meth:`statistics
    <sureflow.core.lanes.Lanes.statistics>` that foretold the score best among the reference draws.
    It is ranked among those that the reference draws of the same stratum and setting had at that
    time; a lower rank, in [0, 1], is surer. A lane should stop once its rank is beyond the bound
    for the share of samples that pass.

    Attributes:
        references: Settings with tables, ``[R]``.
        strata: Names of the strata, ``[S]``.
        times: When they were compared, ascending, ``[T]``.
        quantiles: The sum at levels 0 .. 1, ``[R, S, T, LEVELS]``; NaN in strata that cannot
            have the score.
        bounds: Highest rank of a lane that may still pass, ``[R, shares, T]``, at :data:`SHARES`.
        weights: Of the statistics in the sum, ``[R, S, T, STATISTICS]``; one that is not used may
            be no number.
    """

    references: tuple[Setting, ...]
    strata: tuple[str, ...]
    times: Floats
    quantiles: Floats
    bounds: Floats
    weights: Floats

    @property
    def foresees(self) -> bool:
        """Whether any statistic but the running score is used."""
        return bool(self.weights[..., 1:].any())

    def should_stop(self, known: Floats, t: float, spec: LaneSpec, confidence: float) -> bool:
        """Whether a lane may be abandoned, see :class:`~sureflow.core.engine.EarlyRule`.

        Lanes that no single table ranks are never abandoned.
        """
        place, share = self._place(spec), int(np.searchsorted(SHARES, 1 - confidence - 1e-9))
        if place is None or share == len(SHARES) or not self.times[0] <= t <= self.times[-1]:
            return False
        number, _ = place
        table, bound = (self._at(t, z) for z in (self.quantiles[place], self.bounds[number, share]))
        value = float(total(known, self._at(t, self.weights[place])))
        return bool(np.isfinite(table).all() and rank(value, table) > bound)

    def foretold(self, known: Floats, t: float, spec: LaneSpec) -> float:
        """What foretells the score of a lane, see :class:`~sureflow.core.engine.EarlyRule`.

        NaN for lanes that no single table ranks, and before and after the times of the tables.
        """
        place = self._place(spec)
        if place is None or not self.times[0] <= t <= self.times[-1]:
            return float("nan")
        return float(total(known, self._at(t, self.weights[place])))

    def since(self) -> list[float]:
        """From when on a foresight is used, by reference; 1 where it never is."""
        used = (self.weights[..., 1:] != 0).any(-1).any(1)
        return [min(self.times[row].tolist(), default=1.0) for row in used]

    def _at(self, t: float, tables: Floats) -> Floats:
        """Tables ``[T, ...]`` at a time within, linear between those that there are."""
        after = int(np.searchsorted(self.times, t - 1e-9))
        before = max(after - 1, 0)
        width = self.times[after] - self.times[before]
        part = (t - self.times[before]) / width if width else 1.0
        found: Floats = (1 - part) * tables[before] + part * tables[after]
        return found

    def _place(self, spec: LaneSpec) -> tuple[int, int] | None:
        """Numbers of the reference and of the stratum that alone rank a lane."""
        family = family_of(spec)
        setting, strata = family.setting(spec), family.strata(spec)
        if setting is None or len(strata) != 1 or strata[0][0] not in self.strata:
            return None
        weights = family.references(setting, self.references)
        return (weights[0][0], self.strata.index(strata[0][0])) if len(weights) == 1 else None

    def beside(self, other: Early, own: Container[int]) -> Early:
        """The parts of the references with these numbers, and the other's for the rest.

        Where the times are not the same, lanes of the rest are never abandoned.
        """
        if not np.array_equal(self.times, other.times):
            return self
        parts: dict[str, Any] = {
            name: np.stack(
                [
                    getattr(self if number in own else other, name)[number]
                    for number in range(len(self.references))
                ]
            )
            for name in ("quantiles", "bounds", WEIGHTS)
        }
        return replace(self, **parts)

    def most(self) -> float:
        """Largest confidence for which lanes of every reference can be abandoned; 0: of none."""
        able = (self.bounds < NEVER).any(-1).all(0)
        return float(1 - SHARES[int(np.argmax(able))]) if able.any() else 0.0

    def tensors(self) -> dict[str, Floats]:
        """The tensors that the file of the calibration has of it."""
        parts = PARTS if (self.weights == ALONE).all() else (*PARTS, WEIGHTS)
        return {part: getattr(self, part) for part in parts}

    @classmethod
    def read(
        cls,
        tensors: Mapping[str, Floats],
        references: tuple[Setting, ...],
        strata: tuple[str, ...],
    ) -> dict[str, Early]:
        """Read the parts of a file, by score.

        Raises:
            ValueError: A part is missing, or the parts do not fit together.
        """
        found = {}
        for score in sorted({name.partition("/")[0] for name in tensors}):
            parts = [tensors[name] for part in PARTS if (name := f"{score}/{part}") in tensors]
            if len(parts) < len(PARTS):
                raise ValueError(f"lacks a part of {EARLY}/{score}")
            times, quantiles, bounds = parts
            shape = (len(references), len(strata), len(times))
            weights = tensors.get(
                f"{score}/{WEIGHTS}", np.broadcast_to(ALONE, (*shape, STATISTICS))
            )
            if not (
                times.ndim == 1
                and np.isfinite(times).all()
                and (np.diff(times) > 0).all()
                and bounds.shape == (len(references), len(SHARES), len(times))
                and quantiles.shape[:-1] == (len(references), len(strata), len(times))
                and quantiles.size > 0
                and weights.shape == (*shape, STATISTICS)
                and np.isfinite(weights).all()
            ):
                raise ValueError(f"{EARLY}/{score} has parts that do not fit together")
            found[score] = cls(references, strata, times, quantiles, bounds, weights)
        return found


def total(known: Floats, weights: Floats) -> Floats:
    """The weighted sums of statistics, ``[..., m]``; those without a weight may be NaN."""
    sums: Floats = np.where(weights != 0, known * weights, 0.0).sum(-1)
    return sums


def rank(value: float, table: Floats) -> float:
    """Rank of a value in a table of quantiles, in [0, 1]; 2 beyond all of them."""
    levels = np.linspace(0, 1, len(table))
    return 2.0 if value > table[-1] else float(np.interp(value, table, levels))
