"""What judged samples certify of each stratum, such as a class, and of all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log, log1p
from typing import Any

import numpy as np

from sureflow.core.arrays import Floats, Integers

ANY_GOOD = np.array([0.9, 0.75, 0.5, 0.25, 0.0])
"""Confidences from which on the bad rate of a stratum is bounded, all at once, ``[T]``."""

USELESS = 0.95
"""Bounds above it are left out of a summary."""

Bounds = Callable[[Integers, Integers, float], Floats]
"""Upper bounds ``[K]`` on the rates of which so many are bad of so many, at a risk."""

Tally = Callable[[str, Floats], tuple[Integers, Integers]]
"""How many judged samples of a stratum are bad, and how many there are, of at least each of these
confidences, ``[K]`` each."""

PARTS = ("confidence", "bad", "count", "bound", "any_good")
"""Tensors that it is kept in."""


@dataclass(frozen=True, eq=False)
class Stratified:
    """Bounds on the bad rates of ``S`` strata.

    **Bad rates by stratum.** For every rate ``r`` that is chosen without looking at the bounds:
    with probability ``1 - delta`` over the judged samples, in *no* stratum is more than a share
    ``r`` of what :meth:`threshold` accepts bad. So the certainty is that of all strata at once, not
    of each: with ten classes at 90 % each, one would be expected to be worse than promised. Each
    stratum has a fixed sequence of tests as in :mod:`sureflow.confidence.certificate`, with a risk
    of ``delta / S``, and the risks add up (Bonferroni).

    **At least one good sample.** With probability ``1 - delta`` over the judged samples, the share
    of bad samples among those of a stratum ``s`` with a confidence of at least ``t`` is at most
    ``u = any_good[s, t]``, for all ``S T`` pairs at once, of a risk of ``delta / (S T)`` each. If
    so, consider a request of one stratum that draws samples in the order of their index and returns
    the first ``j`` of a confidence of at least ``t``. The draws are independent, and whether one is
    returned depends on its confidence and on those before it. So those that are returned are
    independent draws of what ``t`` accepts, however many it took, and all of them are bad with a
    probability of at most ``u ** j``. With ``u ** j <= 1 - p`` at least one is good with a
    probability of ``p`` or more. ``t`` and ``j`` may be chosen after looking at all the bounds, and
    so may ``p``; but not after looking at the draws. Samples that did not pass must not be added:
    nothing is promised of them, but they do no harm.

    The strata must be single conditions. Of a mixture of conditions the rate of the mixture says
    nothing of several samples that share one: all of them are bad with a probability of
    ``E[r ** j]``, which is more than ``E[r] ** j`` (Jensen). So there is no marginal version of it.

    This is the question of Conf-Gen (arXiv 2605.28920), and of conformal language modelling (Quach
    et al., arXiv 2306.10193), who calibrate a stopping rule for one ``p``; these bounds serve any.

    Attributes:
        strata: Their names.
        confidence: Thresholds, descending, ``[K]``.
        bad: Judged samples of at least that confidence that are bad, ``[S, K]``.
        count: All judged samples of at least that confidence, ``[S, K]``.
        bound: Rates that are certified, ascending, ``[S, K]``.
        any_good: Bounds at the thresholds :data:`ANY_GOOD`, ``[S, T]``.
    """

    strata: tuple[str, ...]
    confidence: Floats
    bad: Floats
    count: Floats
    bound: Floats
    any_good: Floats

    def threshold(self, stratum: str, max_bad_rate: float) -> float | None:
        """Lowest confidence certified for this rate in a stratum; ``None`` if there is none."""
        if stratum not in self.strata:
            return None
        certified = self.confidence[self.bound[self.strata.index(stratum)] <= max_bad_rate]
        return float(certified[-1]) if len(certified) else None

    def tested(self, stratum: str) -> tuple[Floats, Floats]:
        """All thresholds of a stratum, and what is certified at each, ``[K + T]``."""
        place = self.strata.index(stratum)
        levels = np.concatenate([self.confidence, ANY_GOOD])
        return levels, np.concatenate([self.bound[place], self.any_good[place]])

    def summary(self) -> dict[str, Any]:
        """What a model card says of each stratum, by name.

        ``judged`` and ``bad`` samples; of the ``surest`` the confidence, how many are bad and how
        many there are; the lowest threshold of each bound, and the bounds for ``any_good``.
        """
        return {name: self._said(place) for place, name in enumerate(self.strata)}

    def _said(self, place: int) -> dict[str, Any]:
        bound, bad, count = self.bound[place], self.bad[place], self.count[place]
        last = np.append(bound[1:] > bound[:-1], True) & (bound <= USELESS)
        useful = self.any_good[place] <= USELESS
        return {
            "judged": int(count[-1]),
            "bad": int(bad[-1]),
            "surest": [float(self.confidence[0]), int(bad[0]), int(count[0])],
            "thresholds": np.stack([self.confidence, bound], 1)[last].tolist(),
            "any_good": np.stack([ANY_GOOD, self.any_good[place]], 1)[useful].tolist(),
        }

    def tensors(self) -> dict[str, Floats]:
        """The tensors that the file of the calibration has of it."""
        return {name: np.asarray(getattr(self, name), np.float64) for name in PARTS}

    @classmethod
    def read(cls, tensors: Mapping[str, Floats], strata: Sequence[str]) -> Stratified:
        """Read :meth:`tensors`.

        Raises:
            ValueError: They are no tables of this kind.
        """
        if missing := [name for name in PARTS if name not in tensors]:
            raise ValueError(f"lacks strata/{missing[0]}")
        made = cls(tuple(strata), *(tensors[name] for name in PARTS))
        rows, columns = len(made.strata), len(made.confidence)
        shapes = {made.bad.shape, made.count.shape, made.bound.shape}
        if made.confidence.ndim != 1 or not columns or shapes != {(rows, columns)}:
            raise ValueError(f"has shapes {sorted(shapes)} of {rows} strata in strata/")
        if made.any_good.shape != (rows, len(ANY_GOOD)):
            raise ValueError(f"has shape {made.any_good.shape} in strata/any_good")
        if len({*made.strata}) != rows:
            raise ValueError("strata: a name is there twice")
        if not ((np.diff(made.confidence) < 0).all() and (np.diff(made.bound) >= 0).all()):
            raise ValueError("strata/confidence does not fall, or strata/bound does not rise")
        if not 0 <= made.confidence[-1] <= made.confidence[0] <= 1:
            raise ValueError("strata/confidence is not in 0 .. 1")
        rates = np.concatenate([made.bound.ravel(), made.any_good.ravel()])
        if not ((rates > 0) & (rates <= 1)).all():
            raise ValueError("strata/bound or strata/any_good is no rate")
        if not ((made.bad >= 0) & (made.bad <= made.count) & np.isfinite(made.count)).all():
            raise ValueError("strata/bad is more than strata/count, or is no number")
        return made


def stratified(
    strata: Sequence[str], thresholds: Floats, tally: Tally, delta: float, bounds: Bounds
) -> Stratified:
    """Certify rates of strata, all of them at a risk ``delta``.

    The ``thresholds [K]``, descending, are fixed before anything is drawn; ``tally`` counts what
    was judged, and ``bounds`` bound the rates.
    """
    share = delta / len(strata)
    tables, rates = [], []
    for name in strata:
        bad, count = tally(name, thresholds)
        tables.append((bad, count, np.maximum.accumulate(bounds(bad, count, share))))
        rates.append(bounds(*tally(name, ANY_GOOD), share / len(ANY_GOOD)))
    found = np.array(tables, np.float64)  # of each stratum: bad, count and bound
    names, any_good = tuple(strata), np.array(rates)
    return Stratified(names, thresholds, found[:, 0], found[:, 1], found[:, 2], any_good)


def samples_needed(bad: int, count: int, rate: float, risk: float) -> int | None:
    """How many samples certify a rate, if the same share of them is bad as of these.

    By Chernoff's bound (Ann. Math. Stat. 23, 1952) on the tail that Clopper and Pearson invert, so
    they are enough, and exactly enough where none is bad. None if too large a share is.
    """
    share = bad / count if count else 0.0
    if share >= rate:
        return None
    divergence = (1 - share) * (log1p(-share) - log1p(-rate))
    if share:
        divergence += share * log(share / rate)
    return ceil(log(1 / risk) / divergence)
