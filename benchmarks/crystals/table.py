"""The figures of judged crystals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

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

LIFT, AUROC = 2.0, 0.75
"""The bar: good ones among the surest quarter over those among all, and AUROC."""

PARTS: Mapping[str, tuple[float, float]] = {
    "all": (0, 1),
    "quarter": (0, 0.25),
    "half": (0, 0.5),
    "other half": (0.5, 1),
}
"""Parts of the crystals by confidence, from the surest on."""

ATOMS, ENERGY = "atom number", "one CHGNet energy"
"""What every score is compared with."""

RAW_FLAGS = (
    *("atoms apart", "no atoms overlap", "matches a known polymorph, raw"),
    f"raw <= {RAW:g}",
)
"""What is said of crystals as they were drawn; all else is of the relaxed ones."""

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
            "no atoms overlap": ~j.overlap,
            "matches a known polymorph, raw": j.known_raw,
            "matches a known polymorph, relaxed": j.known_relaxed,
            "unique": j.unique,
            "novel": ~j.known_relaxed,
            "stable, unique, novel": stable & j.unique & ~j.known_relaxed,
            f"raw <= {RAW:g}": j.raw["chgnet"] <= RAW,
            f"relaxed <= {RAW:g}": j.relaxed["chgnet"] <= RAW,
            f"relaxed <= {RELAXED:g}": stable,
        }
        for name, flag in flags.items():
            raw = name in RAW_FLAGS
            yield name, self._measured(_share(flag), not raw)
        applies = ~np.isnan(j.balanced)
        if applies.any():
            balanced, here = j.balanced == 1, applies.astype(np.float64)
            yield "charges add up", self._measured(lambda w: share(balanced, w * here))

    def energies(self) -> Iterator[Row]:
        """Median energies above the best known polymorph, of all and of the surest."""
        j = self.judged
        for potential in j.raw:
            for what, values in (("raw", j.raw[potential]), ("relaxed", j.relaxed[potential])):
                for part in PARTS:
                    label = f"median eV/atom by {potential}, {what}, {part}"
                    yield label, self._measured(self._median(values, part), what == "relaxed")
        ends = {
            "median A to the relaxed": j.displaced,
            "median eV/atom above our hull": j.above_hull,
        }
        for label, values in ends.items():
            yield label, self._measured(self._median(values, "all"), True)

    def scores(self) -> Iterator[Row]:
        """What each score, the atom number and one energy are worth, by both kinds of good."""
        for what, good, end in self._goods():
            for name, score in self._ranks().items():
                yield f"AUROC, {what}, {name}", self._measured(self._auroc(score, good), end)
                for part in ("quarter", "half"):
                    label = f"{part} over all, {what}, {name}"
                    yield label, self._measured(self._lift(score, good, PARTS[part][1]), end)
            score = self.judged.scores[self.score]
            mixed = self._measured(self._auroc(score, good, mixed=True), end)
            yield f"AUROC, {what}, {self.score}, atom numbers mixed", mixed

    def filtered(self) -> Iterator[Row]:
        """Shares of good ones by part, compositions left, and relaxation for a stable crystal."""
        for part in PARTS:
            for what, good, end in self._goods():
                yield f"{what}, {part}", self._measured(self._good(good, part), end)
            covered = self._measured(self._coverage(part), True)
            yield f"compositions with a stable one, {part}", covered
            yield f"steps for a stable one, {part}", self._measured(self._cost(part), True)

    def bar(self) -> Iterator[Row]:
        """What was asked of the score beforehand, of crystals of three atoms and more."""
        many = Table(
            self.judged.where(self.judged.atoms >= FEWEST), self.score, self._draws, self._seed
        )
        good, score = many.judged.raw["chgnet"] <= RAW, many.judged.scores[self.score]
        yield "quarter over all", many._measured(many._lift(score, good, PARTS["quarter"][1]))
        yield "AUROC", many._measured(many._auroc(score, good))

    def _goods(self) -> Iterator[tuple[str, Flags, bool]]:
        """Both kinds of good, and whether it is one of relaxed crystals."""
        yield f"raw <= {RAW:g}", self.judged.raw["chgnet"] <= RAW, False
        yield f"relaxed <= {RELAXED:g}", self.judged.relaxed["chgnet"] <= RELAXED, True

    def _ranks(self) -> dict[str, Floats]:
        return {
            **self.judged.scores,
            ATOMS: self.judged.atoms.astype(np.float64),
            ENERGY: self.judged.raw["chgnet"],
        }

    def _measured(self, measure: Callable[[Floats], float], relaxed: bool = False) -> Measured:
        """A figure of all crystals, or of those that were relaxed."""
        here = ~np.isnan(self.judged.relaxed["chgnet"]) if relaxed else 1.0
        return measured(
            lambda weight: measure(weight * here),
            self.judged.composition,
            self._draws,
            self._seed,
        )

    def _taken(self, part: str, weight: Floats) -> Floats:
        """How much of each crystal is in a part of those of as many atoms, ``[N]``."""
        score, atoms = self.judged.scores[self.score], self.judged.atoms
        first, last = PARTS[part]
        taken = surest(score, atoms, last, weight)
        return taken - surest(score, atoms, first, weight) if first else taken

    def _good(self, good: Flags, part: str) -> Callable[[Floats], float]:
        return lambda w: share(good, w * self._taken(part, w))

    def _coverage(self, part: str) -> Callable[[Floats], float]:
        j, good = self.judged, self.judged.relaxed["chgnet"] <= RELAXED
        return lambda w: coverage(good, j.composition, self._taken(part, w), w)

    def _cost(self, part: str) -> Callable[[Floats], float]:
        j, good = self.judged, self.judged.relaxed["chgnet"] <= RELAXED
        return lambda w: cost_of_one(j.steps, good, self._taken(part, w), w)

    def _median(self, values: Floats, part: str) -> Callable[[Floats], float]:
        return lambda w: median(values, w * self._taken(part, w))

    def _auroc(self, score: Floats, good: Flags, mixed: bool = False) -> Callable[[Floats], float]:
        stratum = np.zeros_like(self.judged.atoms) if mixed else self.judged.atoms
        return lambda w: auroc(score, good, stratum, w)

    def _lift(self, score: Floats, good: Flags, part: float) -> Callable[[Floats], float]:
        return lambda w: lift(score, good, self.judged.atoms, part, w)


def _share(flags: Flags) -> Callable[[Floats], float]:
    return lambda w: share(flags, w)
