"""A filter that takes doubtful samples back and draws them anew, instead of dropping them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sureflow.core.commit import step_at
from sureflow.core.family import family_of
from sureflow.core.frame import nearest
from sureflow.core.lane import Branch, LaneSpec, Sample
from sureflow_server.filters.decision import Decision
from sureflow_server.filters.filter import Filter
from sureflow_server.filters.threshold import Threshold

DEFAULT_SHIFT = -0.1
"""At its commit point a sample has decided, so that most draws come to the same; a little before,
they decide anew. Of the doubtful fifth of ``digits`` four draws left 5 % misread from the commit
point and none from here, of 14 % (``python -m benchmarks.rewind --part digits``)."""

ENDED = ("converged", "max_steps")
"""Only what has ended by itself can be taken up again."""


@dataclass(frozen=True, slots=True)
class Rewinding(Filter):
    """A filter that takes a sample that fails back to its commit point and draws its noise anew.

    Attempt ``a`` of sample ``i`` has the index ``i + count (a - 1)``: what is made, and from what
    draws, does not depend on the order in which samples finish.

    Attributes:
        threshold: What a sample has to pass.
        count: Samples at first.
        max_attempts: Most attempts of each, the first one included.
        shift: Added to the time of the commit point; before it more is open.
        first: Index of the first sample; the indices above are counted from there.
    """

    threshold: Threshold
    count: int
    max_attempts: int
    shift: float
    first: int = 0

    def place(self, index: int) -> int:
        """The place of a sample among those of its request, from 0."""
        return index - self.first

    def attempt(self, sample: Sample) -> int:
        """Which attempt at its place this sample is, from 1."""
        index: int = sample.spec.index
        return self.place(index) // self.count + 1

    def follow(self, sample: Sample, launched: int) -> LaneSpec | None:
        """Return the lane that a sample is taken up again as, if it fails and may be."""
        if self.threshold.passes(sample) or not self._goes_on(sample):
            return None
        step = step_at(sample.t, sample.commit.t + self.shift)
        spec: LaneSpec = sample.spec
        origin = Branch(
            spec, step, (family_of(spec).rewind_operation,), nearest(sample.frames, step)
        )
        return replace(spec, index=spec.index + self.count, origin=origin)

    def decide(self, sample: Sample) -> Decision:
        """Compare the score of a sample with the bound; the last attempt is dropped."""
        decision = self.threshold.decide(sample, self.attempt(sample))
        if decision.action_taken == "rewound" and not self._goes_on(sample):
            reason = f"{decision.reason}; no attempt left"
            return replace(decision, action_taken="dropped", reason=reason)
        return decision

    def _goes_on(self, sample: Sample) -> bool:
        return sample.finish_reason in ENDED and self.attempt(sample) < self.max_attempts
