"""Draws of a model that people look at one by one, and the certificate that follows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from sureflow.confidence.anytime import anytime_bounds
from sureflow.confidence.certificate import DELTA, Conformal, certified
from sureflow.confidence.contradiction import Contradiction
from sureflow.confidence.stratified import Stratified, stratified
from sureflow.core.arrays import Floats, Integers

FIRST = 0.5
"""Strictest confidence that a review certifies: half of all samples have it."""

THRESHOLDS = np.arange(round(100 * FIRST), -1, -1) / 100
"""Those that it certifies, fixed before anything is drawn."""

REST = 4
"""One of so many proposals is among the less sure."""

MOST_NEEDED = 100_000
"""Verdicts; if it takes more, nobody is told how many."""


@dataclass(frozen=True)
class Reviewed:
    """Draws of one stream, in their order, with confidence and verdicts.

    **Why it is sound.** The draws are the model's own at one setting, from a seed that is fixed
    before anybody looks, so those of a confidence of at least ``c`` are independent draws of what a
    filter at ``c`` accepts. Which of the draws are proposed depends on their confidence, but what
    counts does not depend on how they look: of those with a confidence of at least ``c`` all count
    up to the first without a verdict. So a reviewer who passes over a draw gains nothing. When to
    stop may depend on the verdicts, since the bounds hold at any time. Verdicts on samples that
    people chose themselves never count. Of every stratum the same holds by itself: there it is up
    to the first without a verdict among its own draws.

    Attributes:
        confidence: ``[D]``, NaN where there is none; such draws no threshold accepts.
        bad: 1 for bad, 0 for good, NaN without a verdict, ``[D]``.
        turns: Strata, of which the draws are in turn; none where nobody knows.
    """

    confidence: Floats
    bad: Floats
    turns: tuple[str, ...] = ()

    def tally(self, thresholds: Floats = THRESHOLDS) -> tuple[Integers, Integers]:
        """How many are bad, and how many count, at each threshold, ``[K]`` each."""
        runs = [self._run(threshold) for threshold in thresholds]
        bad = np.array([int(self.bad[run].sum()) for run in runs])
        return bad, np.array([len(run) for run in runs])

    @cached_property
    def until(self) -> int:
        """The first draw after all that count for any threshold."""
        runs = [self._run(threshold) for threshold in THRESHOLDS]
        ends = [int(run[-1]) + 1 for run in runs if len(run)]
        every = len(self.turns)
        for place, name in enumerate(self.turns):
            last = self.of(name).until  # the strata have it among their own draws
            ends += [(last - 1) * every + place + 1] if last else []
        return max(ends, default=0)

    def of(self, stratum: str) -> Reviewed:
        """The draws of a stratum."""
        places = slice(self.turns.index(stratum), None, len(self.turns))
        return Reviewed(self.confidence[places], self.bad[places])

    @property
    def judged(self) -> int:
        """Draws with a verdict, those that do not count yet included."""
        return int(np.isfinite(self.bad).sum())

    def certificate(self, note: Mapping[str, Any], delta: float = DELTA) -> Conformal:
        """What the verdicts certify, by bounds that hold at any time."""
        bad, count = self.tally()
        said = {**note, "draws": max(self.judged, 1), "until": self.until}
        made = certified(THRESHOLDS, bad, count, said, delta, anytime_bounds)
        return replace(made, stratified=self._stratified(delta)) if self.turns else made

    def _stratified(self, delta: float) -> Stratified:
        """What the verdicts certify of strata, all at once."""
        return stratified(
            self.turns,
            THRESHOLDS,
            lambda name, levels: self.of(name).tally(levels),
            delta,
            anytime_bounds,
        )

    def needed(self, rate: float, delta: float = DELTA) -> int | None:
        """How many more verdicts certify a rate, if all find good samples of high confidence.

        None if it takes more than :data:`MOST_NEEDED`.
        """
        bad, count = (part[0] for part in self.tally(THRESHOLDS[:1]))
        more = np.unique(np.geomspace(1, MOST_NEEDED, 2000).astype(int)) - 1
        bounds = anytime_bounds(np.full(len(more), bad), count + more, delta)
        enough = more[bounds <= rate]
        return int(enough[0]) if len(enough) else None

    def contradiction(self, certificate: Conformal, first: int = 0) -> Contradiction:
        """What the draws from ``first`` on say against a certificate.

        If it is about strata, too, half of the risk is that of what it says of all draws, and the
        strata share the other half: their evidence is divided accordingly.
        """
        fresh = np.arange(len(self.bad)) >= first
        found = Contradiction.of(self.confidence[fresh], self.bad[fresh], certificate)
        told = certificate.stratified
        if told is None or not self.turns:
            return found
        strata = [name for name in told.strata if name in self.turns]
        against = [replace(found, evidence=found.evidence / 2)]
        for name in strata:
            levels, bounds = told.tested(name)
            theirs = fresh & (np.arange(len(fresh)) % len(self.turns) == self.turns.index(name))
            alone = replace(certificate, confidence=levels, bound=bounds, stratified=None)
            one = Contradiction.of(self.confidence[theirs], self.bad[theirs], alone)
            evidence = one.evidence / (2 * len(strata))
            against.append(replace(one, evidence=evidence, stratum=name))
        worst = max(against, key=lambda each: each.evidence)
        return worst if worst.evidence > 1 else Contradiction()

    def propose(self, count: int, focus: float, taken: Collection[int] = ()) -> list[int]:
        """The next draws to look at, at most ``count``; fewer if no more have been drawn.

        Three of four have a confidence of at least ``focus``; what they are decides about the
        thresholds from there on. Each kind is proposed in the order in which it was drawn.

        Args:
            count: How many.
            focus: Confidence; 0 proposes all draws in order, without looking at it.
            taken: Draws that others are looking at.
        """
        free = open_ = np.isnan(self.bad)
        if taken:
            free = open_ & ~np.isin(np.arange(len(open_)), [*taken])
        sure, rest = self.confidence >= focus, self.confidence < focus
        wanted = [np.flatnonzero(free & kind).tolist() for kind in (sure, rest)]
        done = [int((~open_ & kind).sum()) for kind in (sure, rest)]
        return _dealt(wanted, done, count)

    def _run(self, threshold: float) -> Integers:
        """The draws that count for a threshold."""
        accepted = np.flatnonzero(self.confidence >= threshold)
        open_ = np.flatnonzero(np.isnan(self.bad[accepted]))
        return accepted[: open_[0]] if len(open_) else accepted


def _dealt(wanted: Sequence[list[int]], done: list[int], count: int) -> list[int]:
    """Take from two lists so that of all, with those done, one of :data:`REST` is of the second.

    The first list must not run out: then its next may be one that has not been drawn yet.
    """
    (sure, rest), chosen = wanted, list[int]()
    while len(chosen) < count:
        of_rest = bool(rest) and (done[1] + 1) * REST <= sum(done) + 1
        if not (rest if of_rest else sure):
            break
        chosen.append((rest if of_rest else sure).pop(0))
        done[of_rest] += 1
    return chosen
