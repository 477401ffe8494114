"""So many samples that pass, however many it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sureflow.core.lane import LaneSpec, Sample
from sureflow_server.filters.decision import Decision
from sureflow_server.filters.filter import Filter
from sureflow_server.filters.threshold import Threshold


@dataclass(frozen=True, slots=True)
class Target(Filter):
    """A filter that goes on until enough samples have passed.

    The first ``count`` samples start at once, and every one that fails calls for the next index,
    up to ``count * max_attempts``. So there are always as many under way as are still missing, and
    **which samples are made does not depend on the order in which they finish**: they are the
    first ``L``, with ``L`` the smallest number such that ``count`` of the first ``L`` pass, or the
    limit. For suppose that sample ``L`` were made too. Then ``L + 1 - count`` samples had failed,
    all of them among the first ``L``; but only ``L - count`` of these fail. And suppose that it
    were over after fewer, ``M < L``. Each of the ``M - count`` that were not there at first was
    called for by another failure and every failure did call, so that ``count`` of the ``M`` have
    passed; but ``L`` was the smallest such number.

    Attributes:
        threshold: What a sample has to pass, and what becomes of it otherwise.
        count: How many shall pass.
        max_attempts: How many times ``count`` samples may be made; sample ``i`` is of attempt
            ``i // count + 1``, where indices are counted from ``first`` on.
        first: Index of the first sample.
    """

    threshold: Threshold
    count: int
    max_attempts: int
    first: int = 0

    @property
    def floor(self) -> float | None:
        """Confidence below which a sample may be given up on the way; ``None``: no sample may."""
        return self.threshold.floor

    @property
    def most(self) -> int:
        """Samples that may be made."""
        return self.count * self.max_attempts

    def follow(self, sample: Sample, launched: int) -> LaneSpec | None:
        """Return the sample that a finished one calls for, after ``launched`` so far, or none."""
        if launched >= self.most or self.threshold.passes(sample):
            return None
        spec: LaneSpec = sample.spec
        return replace(spec, index=self.first + launched)

    def decide(self, sample: Sample) -> Decision | None:
        """Decide at once, unless that would be to promise another sample that may not come."""
        attempt = self._attempt(sample)
        decision = self.threshold.decide(sample, attempt)
        failed = decision.action_taken != "accepted"
        if failed and self.threshold.action == "regenerate" and attempt == self.max_attempts:
            return None
        return decision

    def finalize(self, pending: Sequence[Sample], accepted: int) -> list[Decision]:
        """Decide about the failures of the last attempt.

        The j-th failure by index has sample ``count + j`` in its place. If there is none, because
        the attempts are used up, it was dropped and not regenerated. There are as many of these as
        samples are missing in the end, and all of them are of the last attempt, since with fewer
        indices there are fewer failures.
        """
        replaced = len(pending) - (self.count - accepted)
        decisions = [self.threshold.decide(sample, self._attempt(sample)) for sample in pending]
        return [
            replace(decision, action_taken="dropped", reason=f"{decision.reason}; no attempt left")
            if place >= replaced and decision.action_taken == "regenerated"
            else decision
            for place, decision in enumerate(decisions)
        ]

    def _attempt(self, sample: Sample) -> int:
        index: int = sample.spec.index
        return (index - self.first) // self.count + 1
