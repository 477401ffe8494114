"""What a score is worth among crystals of as many atoms, with intervals over compositions.

Every measure takes weights, one for each sample, so that a bootstrap draw is nothing but other
weights. Scores are larger the less sure; flags are true for good samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sureflow.core.arrays import Flags, Floats, Integers

DRAWS = 1000
CERTAINTY = 0.9


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and the interval in which 90 % of its bootstrap draws lie."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def measured(
    measure: Callable[[Floats], float], composition: Integers, draws: int = DRAWS, seed: int = 0
) -> Measured:
    """A measure, and its interval by a bootstrap over compositions.

    All samples of a composition are drawn together, since they are alike. Draws of which the
    measure is not defined, being NaN, are left out.

    Args:
        measure: Of weights of the samples, ``[N]``.
        composition: Of each sample, a number, ``[N]``.
        draws: How many.
        seed: Of the draws.
    """
    value = measure(np.ones(len(composition)))
    if np.isnan(value):
        return Measured(value, value, value)
    generator = np.random.default_rng(seed)
    _, place = np.unique(composition, return_inverse=True)
    count = int(place.max()) + 1
    found = []
    for _ in range(draws):
        times = np.bincount(generator.integers(count, size=count), minlength=count)
        found.append(measure(times[place].astype(np.float64)))
    known = sorted(value for value in found if not np.isnan(value)) or [float("nan")]
    tail = round((1 - CERTAINTY) / 2 * (len(known) - 1))
    return Measured(value, known[tail], known[-1 - tail])


def share(flags: Flags, weight: Floats) -> float:
    """Weighted share of the flagged; NaN of nothing."""
    total = weight.sum()
    return float((weight * flags).sum() / total) if total > 0 else float("nan")


def auroc(score: Floats, good: Flags, stratum: Integers, weight: Floats) -> float:
    """Share of pairs of a good and a bad sample of one stratum that the score puts in order.

    Ties count half. NaN where there is no such pair.
    """
    ordered = pairs = 0.0
    for one in np.unique(stratum):
        here = (stratum == one) & (weight > 0)
        won, all_pairs = _pairs(score[here], good[here], weight[here])
        ordered, pairs = ordered + won, pairs + all_pairs
    return ordered / pairs if pairs else float("nan")


def _pairs(score: Floats, good: Flags, weight: Floats) -> tuple[float, float]:
    values, place = np.unique(score, return_inverse=True)
    of_good = np.bincount(place, weight * good, len(values))
    of_bad = np.bincount(place, weight * ~good, len(values))
    surer = np.cumsum(of_good) - of_good
    return float((of_bad * (surer + of_good / 2)).sum()), float(of_good.sum() * of_bad.sum())


def surest(score: Floats, stratum: Integers, part: float, weight: Floats) -> Floats:
    """How much of each sample is among the surest part of its stratum, in [0, 1], ``[N]``.

    Samples at the border, of one score, are taken in part, so that exactly this part is.
    """
    taken = np.zeros(len(score))
    for one in np.unique(stratum):
        here = stratum == one
        values, place = np.unique(score[here], return_inverse=True)
        mass = np.bincount(place, weight[here], len(values))
        room = part * mass.sum() - (np.cumsum(mass) - mass)
        portion = np.clip(room / np.where(mass > 0, mass, 1), 0, 1)
        taken[here] = portion[place]
    return taken


def lift(score: Floats, good: Flags, stratum: Integers, part: float, weight: Floats) -> float:
    """Share of good samples among the surest part of each stratum, over that among all."""
    taken = surest(score, stratum, part, weight)
    return share(good, weight * taken) / share(good, weight) if share(good, weight) else np.nan


def median(values: Floats, weight: Floats) -> float:
    """Weighted median: the least value up to which half of the weight lies; NaN are left out."""
    known = ~np.isnan(values) & (weight > 0)
    if not known.any():
        return float("nan")
    order = np.argsort(values[known], kind="stable")
    total = np.cumsum(weight[known][order])
    return float(values[known][order][np.searchsorted(total, total[-1] / 2)])


def coverage(good: Flags, composition: Integers, taken: Floats, weight: Floats) -> float:
    """Share of compositions of which a good sample is taken; one counts if half of it is."""
    places = np.unique(composition)
    times = np.array([weight[composition == place].max() for place in places])
    reached = np.array([(good & (taken >= 0.5))[composition == place].any() for place in places])
    return share(reached, times)


def cost_of_one(steps: Integers, good: Flags, taken: Floats, weight: Floats) -> float:
    """Steps of relaxation of what is taken, for each good sample among it."""
    found, of = (weight * taken * good).sum(), (weight * taken).sum()
    if not found:
        return float("inf") if of else float("nan")
    return float((weight * taken * steps).sum() / found)
