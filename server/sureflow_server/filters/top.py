"""The surest samples of a request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sureflow.core.family import family_of
from sureflow.core.halving import Halving
from sureflow.core.lane import Sample
from sureflow_server.filters.decision import REFUSED, Action, Decision, Score, score_of, standing
from sureflow_server.filters.filter import Filter


@dataclass(frozen=True, slots=True)
class Top(Filter):
    """A filter that accepts exactly so many samples, decided once all are finished.

    Attributes:
        count: How many.
        by: The score that ranks them. Among equals the first ones by index come first, samples
            without a score last.
        action: What becomes of the others.
        halving: How samples are compared on the way, so that few more than ``count`` are finished;
            ``None`` finishes all.
        strata: How many strata the samples are of, of each of which as many pass; 1 ranks all
            together.
    """

    count: int
    by: Score
    action: Action
    halving: Halving | None = None
    strata: int = 1

    def decide(self, sample: Sample) -> Decision | None:
        """Wait: any sample that is finished may turn out to be among the surest."""
        if sample.rung is None:
            return None
        reason = standing(sample.rung)
        return Decision(
            self.action,
            "abandoned",
            self.by,
            score_of(sample, self.by),
            None,
            1,
            reason,
            sample.abandoned_at,
            sample.rung,
        )

    def finalize(self, pending: Sequence[Sample], accepted: int) -> list[Decision]:
        """Rank the samples; the threshold is the score of the last one accepted."""
        groups: dict[str, list[int]] = defaultdict(list)
        for place, sample in enumerate(pending):
            one = self.strata == 1
            groups["" if one else family_of(sample.spec).strata(sample.spec)[0][0]].append(place)
        found: dict[int, Decision] = {}
        for places in groups.values():
            ranked = self._ranked([pending[place] for place in places], self.count // self.strata)
            found.update(zip(places, ranked, strict=True))
        return [found[place] for place in range(len(pending))]

    def _ranked(self, group: Sequence[Sample], count: int) -> list[Decision]:
        """Decide about samples that are compared with each other, of which so many pass."""
        scores = [score_of(sample, self.by) for sample in group]
        order = sorted(range(len(group)), key=lambda place: self._doubt(scores[place]))
        ranks = {place: rank for rank, place in enumerate(order, 1)}
        threshold = scores[order[count - 1]]
        what = "" if self.strata == 1 else " of its class"
        return [
            Decision(
                self.action,
                "accepted" if ranks[place] <= count else REFUSED[self.action],
                self.by,
                score,
                threshold,
                1,
                f"rank {ranks[place]} of {len(group)}{what}, the first {count} pass",
            )
            for place, score in enumerate(scores)
        ]

    def _doubt(self, score: float | None) -> tuple[bool, float]:
        if score is None:
            return True, 0.0
        return False, -score if self.by == "confidence" else score
