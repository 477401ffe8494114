"""A judge of what has passed a filter."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sureflow_server.filters.decision import REFUSED, Decision, JudgeDecision
from sureflow_server.judges.named import PREFIX
from sureflow_server.judges.verdict import Verdict


@dataclass(frozen=True, slots=True)
class SecondStage:
    """Asks a judge about the samples that a filter accepts, and about no others.

    Attributes:
        judge: Its name.
        maximum: Pass at this value or below.
    """

    judge: str
    maximum: float

    def decide(self, decision: Decision, verdict: Verdict) -> Decision:
        """Return what becomes of an accepted sample; one without a value does not pass."""
        passed = verdict.value is not None and verdict.value <= self.maximum
        reason = verdict.failure or f"score {'≤' if passed else '>'} threshold"
        judged = JudgeDecision(
            PREFIX + self.judge, verdict.value, self.maximum, round(verdict.seconds, 6), reason
        )
        taken = "accepted" if passed else REFUSED[decision.action_requested]
        return replace(decision, action_taken=taken, then=judged)
