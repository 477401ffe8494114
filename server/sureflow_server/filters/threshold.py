"""Samples that score well enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sureflow.core.family import family_of
from sureflow.core.lane import Sample
from sureflow_server.filters.decision import (
    REFUSED,
    Action,
    Decision,
    Score,
    margin_of,
    score_of,
    standing,
)
from sureflow_server.filters.filter import Filter


@dataclass(frozen=True, slots=True)
class Threshold(Filter):
    """A filter by one score, decided sample by sample.

    Attributes:
        by: The score: ``confidence`` (higher is surer), ``uncertainty`` (lower is surer) or
            ``novelty`` (higher is less like training data).
        minimum: Pass at this score or above; exactly one of the two bounds is given.
        maximum: Pass at this score or below.
        action: What becomes of a sample that does not pass.
        origin: Where the bound comes from, in words, if the request did not name it.
        early: Whether samples that are foreseen not to pass are given up on the way.
    """

    by: Score
    minimum: float | None
    maximum: float | None
    action: Action
    origin: str = ""
    early: bool = False

    @property
    def bound(self) -> float:
        """The one bound that is given."""
        bound = self.maximum if self.minimum is None else self.minimum
        if bound is None:
            raise ValueError("a threshold needs a minimum or a maximum")
        return bound

    @property
    def floor(self) -> float | None:
        """Confidence below which a sample may be given up on the way; ``None``: no sample may."""
        if self.minimum is None or not self.early:
            return None
        return min(max(self.minimum, 0.0), 1.0)

    def bound_of(self, sample: Sample) -> float:
        """What a sample is held against."""
        return self.bound

    def passes(self, sample: Sample) -> bool:
        """Whether a sample is good enough; one without a finite score is not."""
        score, bound = score_of(sample, self.by), self.bound_of(sample)
        if score is None or sample.finish_reason == "abandoned":
            return False
        return score <= bound if self.minimum is None else score >= bound

    def decide(self, sample: Sample, attempt: int = 1) -> Decision:
        """Compare the score of a sample with the bound."""
        passed = self.passes(sample)
        score = score_of(sample, self.by)
        taken = "accepted" if passed else REFUSED[self.action]
        if sample.rung is not None:
            taken, reason = "abandoned", standing(sample.rung)
        elif sample.finish_reason == "abandoned":
            taken, reason = "abandoned", "not foreseen to reach the threshold"
        elif score is None:
            reason = "no score"
        elif self.origin:
            reason = self.origin
        elif self.minimum is None:
            reason = "score ≤ threshold" if passed else "score > threshold"
        else:
            reason = "score ≥ threshold" if passed else "score < threshold"
        return Decision(
            self.action,
            taken,
            self.by,
            score,
            self.bound_of(sample),
            attempt,
            reason,
            sample.abandoned_at,
            sample.rung,
            margin=margin_of(sample, self.by, self.bound_of(sample)),
        )


@dataclass(frozen=True, slots=True)
class StratumThreshold(Threshold):
    """A filter by confidence that holds the samples of each stratum against a minimum of its own.

    Attributes:
        minima: Least confidence by name of the stratum; the ``minimum`` is the least of them.
    """

    minima: Mapping[str, float] = field(default_factory=dict)

    def bound_of(self, sample: Sample) -> float:
        """The minimum of a sample's stratum."""
        return self.minima[family_of(sample.spec).strata(sample.spec)[0][0]]
