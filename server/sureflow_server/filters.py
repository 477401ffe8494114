"""Whether a sample passes its filter."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Literal

Action = Literal["annotate", "drop"]
Taken = Literal["accepted", "annotated", "dropped"]
Score = Literal["confidence", "uncertainty"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A filter by one score.

    Attributes:
        by: The score: ``confidence`` (higher is surer) or ``uncertainty`` (lower is surer).
        minimum: Pass at this score or above; exactly one of the two bounds is given.
        maximum: Pass at this score or below.
        action: What becomes of a sample that does not pass.
    """

    by: Score
    minimum: float | None
    maximum: float | None
    action: Action


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one sample, and on what evidence."""

    action_requested: Action
    action_taken: Taken
    by: Score
    score: float | None
    threshold: float
    attempt: int
    reason: str

    def record(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)


def decide(threshold: Threshold, score: float | None) -> Decision:
    """Compare a score with a threshold; a missing or non-finite score does not pass."""
    bound = threshold.maximum if threshold.minimum is None else threshold.minimum
    if bound is None:
        raise ValueError("a threshold needs a minimum or a maximum")
    if score is None or not isfinite(score):
        passed, score, reason = False, None, "no score"
    elif threshold.minimum is not None:
        passed = score >= bound
        reason = "score ≥ threshold" if passed else "score < threshold"
    else:
        passed = score <= bound
        reason = "score ≤ threshold" if passed else "score > threshold"
    refused: Taken = "dropped" if threshold.action == "drop" else "annotated"
    taken: Taken = "accepted" if passed else refused
    return Decision(threshold.action, taken, threshold.by, score, bound, 1, reason)
