"""How well a score tells bad samples from the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from sureflow.core.arrays import Flags, Floats, Integers

RESAMPLES = 1000
"""Of which an interval is made."""

WITHIN = 0.95
"""Share of them that it has."""

AT_A_TIME = 50
"""Resamples that are in memory."""


def auroc(values: Floats, bad: Flags) -> float:
    """Share of pairs of a bad sample and another of which the bad one has the larger value.

    Ties count half; what is no number is larger than all. 0.5 is chance, and the result where
    nothing or everything is bad. Both are ``[n]``.
    """
    found, others = int(bad.sum()), int((~bad).sum())
    if not found * others:
        return 0.5
    ranks = rankdata(np.nan_to_num(values, nan=np.inf))
    return float((ranks[bad].sum() - found * (found + 1) / 2) / (found * others))


@dataclass(frozen=True, slots=True)
class Interval:
    """A number, and the bounds between which it is in :data:`WITHIN` of all resamples."""

    value: float
    low: float
    high: float


def auroc_within(values: Floats, bad: Flags, classes: Integers) -> float | None:
    """The same of pairs of one class alone, as filters compare them; ``None`` without a pair.

    All are ``[n]``.
    """
    pairs = [*_pairs(bad, classes)]
    wins = sum(float(_wins(values, first[None], other[None])[0]) for first, other in pairs)
    return wins / sum(len(a) * len(b) for a, b in pairs) if pairs else None


def auroc_intervals(
    values: Sequence[Floats], bad: Flags, classes: Integers, seed: int
) -> list[Interval] | None:
    """Of some scores of the same samples, and of the first less each other one.

    Bad samples and others of every class are drawn again with replacement (Efron, Bootstrap
    methods, 1979), the same ones for all scores.

    Args:
        values: Of each score, ``[n]``; larger is less sure.
        bad: Which samples are bad, ``[n]``.
        classes: Of the samples, ``[n]``.
        seed: Of the resamples.

    Returns:
        An interval for each score, then one for each difference; ``None`` without a pair of one
        class of which one is bad.
    """
    draw, pairs = np.random.default_rng(seed), [*_pairs(bad, classes)]
    if not pairs:
        return None
    found = np.zeros((RESAMPLES + 1, len(values)))
    for first, other in pairs:
        for begin in range(0, RESAMPLES + 1, AT_A_TIME):
            rows = slice(begin, min(begin + AT_A_TIME, RESAMPLES + 1))
            one, two = (_again(group, rows, draw) for group in (first, other))
            found[rows] += np.stack([_wins(of_score, one, two) for of_score in values], 1)
    found /= sum(len(a) * len(b) for a, b in pairs)
    found = np.concatenate([found, found[:, :1] - found[:, 1:]], 1)
    rest = (1 - WITHIN) / 2
    low, high = np.quantile(found[1:], (rest, 1 - rest), axis=0)
    return [Interval(*map(float, each)) for each in zip(found[0], low, high, strict=True)]


def _pairs(bad: Flags, classes: Integers) -> Iterator[tuple[Integers, Integers]]:
    """The bad samples of a class and its others, of the classes that have both."""
    for label in np.unique(classes):
        here = classes == label
        first, other = np.flatnonzero(here & bad), np.flatnonzero(here & ~bad)
        if len(first) and len(other):
            yield first, other


def _again(group: Integers, rows: slice, draw: np.random.Generator) -> Integers:
    """Some rows of resamples of a group, ``[rows, len(group)]``; the very first is the group."""
    chosen = draw.integers(len(group), size=(rows.stop - rows.start, len(group)))
    if not rows.start:
        chosen[0] = np.arange(len(group))
    found: Integers = group[chosen]
    return found


def _wins(values: Floats, first: Integers, other: Integers) -> Floats:
    """In how many pairs of each row the first sample has the larger value, ties half: ``[rows]``.

    Samples are ``[rows, n]`` and ``[rows, m]``.
    """
    known = np.nan_to_num(values, nan=np.inf)
    ranks = rankdata(known[np.concatenate([first, other], 1)], axis=1)
    count = first.shape[1]
    wins: Floats = ranks[:, :count].sum(1) - count * (count + 1) / 2
    return wins
