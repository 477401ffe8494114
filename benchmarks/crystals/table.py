"""The figures of judged crystals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.crystals.judged import Judged
from benchmarks.crystals.measures import (
    Measured,
    auroc,
    cost_of_one,
    coverage,
    lift,
    measured,
    median,
    share,
    surest,
)
from sureflow.core.arrays import Flags, Floats

RAW, RELAXED = 0.1, 0.05
"""Energies above the best known polymorph up to which a crystal is good, in eV/atom."""

FEWEST = 3
"""Atoms of the crystals that the bar is about: with two, little is left to draw."""

QUARTER, HALF = 0.25, 0.5
LIFT, AUROC = 2.0, 0.75
"""The bar: good ones among the surest quarter over those among all, and AUROC."""

ATOMS, ENERGY = "atom number", "one CHGNet energy"
"""What every score is compared with."""

Row = tuple[str, Measured]


class Table:
    """Figures of judged crystals, with intervals by a bootstrap over compositions.

    Args:
        judged: The crystals.
        score: Name of the score that filters.
        draws: Of the bootstrap.
        seed: Of the bootstrap.
    """

    def __init__(self, judged: Judged, score: str, draws: int = 1000, seed: int = 0) -> None:
        self.judged, self.score = judged, score
        self._draws, self._seed = draws, seed

    def validity(self) -> Iterator[Row]:
        """Shares of crystals that are possible, known, unique, novel, and all of that."""
        j = self.judged
        stable = j.relaxed["chgnet"] <= RELAXED
        flags = {
            "atoms apart": j.apart,
            "matches a known polymorph, raw": j.known_raw,
            "matches a known polymorph, relaxed": j.known_relaxed,
            "unique": j.unique,
            "novel": ~j.known_relaxed,
            "stable, unique, novel": stable & j.unique & ~j.known_relaxed,
        }
        for name, flag in flags.items():
            yield name, self._measured(_share(flag))
        applies = ~np.isnan(j.balanced)
        if applies.any():
            balanced, here = j.balanced == 1, applies.astype(np.float64)
            yield "charges add up", self._measured(lambda w: share(balanced, w * here))

    def energies(self) -> Iterator[Row]:
        """Median energies above the best known polymorph, of all and of the surest."""
        j = self.judged
        for potential in j.raw:
            for what, values in (("raw", j.raw[potential]), ("relaxed", j.relaxed[potential])):
                for part, name in ((1.0, "all"), (HALF, "half"), (QUARTER, "quarter")):
                    label = f"median eV/atom by {potential}, {what}, {name}"
                    yield label, self._measured(self._median(values, part))
        yield "median A to the relaxed", self._measured(self._median(j.displaced, 1.0))
        yield "median eV/atom above our hull", self._measured(self._median(j.above_hull, 1.0))

    def scores(self) -> Iterator[Row]:
        """What each score, the atom number and one energy are worth, by both kinds of good."""
        for what, good in self._goods():
            for name, score in self._ranks().items():
                yield f"AUROC, {what}, {name}", self._measured(self._auroc(score, good))
                for part, called in ((QUARTER, "quarter"), (HALF, "half")):
                    label = f"{called} over all, {what}, {name}"
                    yield label, self._measured(self._lift(score, good, part))
            mixed = self._measured(self._auroc(self.judged.scores[self.score], good, mixed=True))
            yield f"AUROC, {what}, {self.score}, atom numbers mixed", mixed

    def filtered(self) -> Iterator[Row]:
        """Compositions that are left, and steps of relaxation for each stable crystal."""
        for part, name in ((1.0, "all"), (HALF, "half"), (QUARTER, "quarter")):
            yield f"compositions with a stable one, {name}", self._measured(self._coverage(part))
            yield f"steps for a stable one, {name}", self._measured(self._cost(part))

    def bar(self) -> dict[str, bool]:
        """Whether the score reaches what was set beforehand, for three atoms and more."""
        many = self.judged.where(self.judged.atoms >= FEWEST)
        good, score = many.raw["chgnet"] <= RAW, many.scores[self.score]
        weight = np.ones(len(good))
        return {
            f"quarter at least {LIFT:g} times all": lift(score, good, many.stratum, QUARTER, weight)
            >= LIFT,
            f"AUROC at least {AUROC:g}": auroc(score, good, many.stratum, weight) >= AUROC,
        }

    def _goods(self) -> Iterator[tuple[str, Flags]]:
        yield f"raw <= {RAW:g}", self.judged.raw["chgnet"] <= RAW
        yield f"relaxed <= {RELAXED:g}", self.judged.relaxed["chgnet"] <= RELAXED

    def _ranks(self) -> dict[str, Floats]:
        return {
            **self.judged.scores,
            ATOMS: self.judged.atoms.astype(np.float64),
            ENERGY: self.judged.raw["chgnet"],
        }

    def _measured(self, measure: Callable[[Floats], float]) -> Measured:
        return measured(measure, self.judged.composition, self._draws, self._seed)

    def _taken(self, part: float, weight: Floats) -> Floats:
        return surest(self.judged.scores[self.score], self.judged.stratum, part, weight)

    def _coverage(self, part: float) -> Callable[[Floats], float]:
        j, good = self.judged, self.judged.relaxed["chgnet"] <= RELAXED
        return lambda w: coverage(good, j.composition, self._taken(part, w), w)

    def _cost(self, part: float) -> Callable[[Floats], float]:
        j, good = self.judged, self.judged.relaxed["chgnet"] <= RELAXED
        return lambda w: cost_of_one(j.steps, good, self._taken(part, w), w)

    def _median(self, values: Floats, part: float) -> Callable[[Floats], float]:
        return lambda w: median(values, w * self._taken(part, w))

    def _auroc(self, score: Floats, good: Flags, mixed: bool = False) -> Callable[[Floats], float]:
        stratum = np.zeros_like(self.judged.stratum) if mixed else self.judged.stratum
        return lambda w: auroc(score, good, stratum, w)

    def _lift(self, score: Floats, good: Flags, part: float) -> Callable[[Floats], float]:
        return lambda w: lift(score, good, self.judged.stratum, part, w)


def _share(flags: Flags) -> Callable[[Floats], float]:
    return lambda w: share(flags, w)
