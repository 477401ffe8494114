"""All samples, for a judge to decide about."""

from __future__ import annotations

from dataclasses import dataclass

from sureflow.core.lane import UNFINISHED, Sample
from sureflow_server.filters.decision import REFUSED, Action, Decision, Score, score_of
from sureflow_server.filters.filter import Filter

NO_SAMPLE = (*UNFINISHED, "cancelled", "diverged")
"""Reasons for which a lane ends without a sample that could be judged."""


@dataclass(frozen=True, slots=True)
class Everything(Filter):
    """A filter that accepts every sample that was finished.

    Attributes:
        by: The score that is shown.
        action: What becomes of a sample that a second stage does not accept.
    """

    by: Score
    action: Action

    def decide(self, sample: Sample) -> Decision:
        """Accept it."""
        finished = sample.finish_reason not in NO_SAMPLE
        taken = "accepted" if finished else REFUSED[self.action]
        reason = "no criterion" if finished else f"the sample is {sample.finish_reason}"
        return Decision(self.action, taken, self.by, score_of(sample, self.by), None, 1, reason)
