"""As many samples that pass of every class."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sureflow.core.lane import LaneSpec, Sample
from sureflow_server.filters.attempts import Attempts
from sureflow_server.filters.decision import Decision


@dataclass(frozen=True, slots=True)
class Balanced(Attempts):
    """A filter that draws each sample anew until it passes.

    The samples take turns in their classes, and what is drawn in place of one is of its class. So
    as many pass of every class, but for those whose attempts run out. Attempt ``a`` of sample ``i``
    has the index ``i + count (a - 1)``: which samples are made does not depend on the order in
    which they finish. ``count`` is a multiple of the number of classes.
    """

    def follow(self, sample: Sample, launched: int) -> LaneSpec | None:
        """Return the lane that is drawn in place of a sample, if it fails and may be."""
        if self.threshold.passes(sample) or self.attempt(sample) >= self.max_attempts:
            return None
        spec: LaneSpec = sample.spec
        return replace(spec, index=spec.index + self.count)

    def decide(self, sample: Sample) -> Decision:
        """Compare the score of a sample with the bound; the last attempt is dropped."""
        attempt = self.attempt(sample)
        decision = self.threshold.decide(sample, attempt)
        if decision.action_taken == "regenerated" and attempt >= self.max_attempts:
            reason = f"{decision.reason}; no attempt left"
            return replace(decision, action_taken="dropped", reason=reason)
        return decision
