"""So many samples that pass, however many it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sureflow.core.lane import LaneSpec, Sample
from sureflow_server.filters.attempts import Attempts
from sureflow_server.filters.decision import Decision


@dataclass(frozen=True, slots=True)
class Target(Attempts):
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
    """

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
        attempt = self.attempt(sample)
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
        decisions = [self.threshold.decide(sample, self.attempt(sample)) for sample in pending]
        return [
            replace(decision, action_taken="dropped", reason=f"{decision.reason}; no attempt left")
            if place >= replaced and decision.action_taken == "regenerated"
            else decision
            for place, decision in enumerate(decisions)
        ]
