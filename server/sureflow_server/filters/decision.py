"""What was decided about a sample."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from sureflow.core.family import family_of
from sureflow.core.lane import NOVELTY, Rung, Sample

Action = Literal["annotate", "drop", "regenerate", "rewind"]
Taken = Literal["accepted", "annotated", "dropped", "regenerated", "rewound", "abandoned"]
Score = Literal["confidence", "uncertainty", "novelty"]

REFUSED: dict[Action, Taken] = {
    "annotate": "annotated",
    "drop": "dropped",
    "regenerate": "regenerated",
    "rewind": "rewound",
}
"""What is done with a sample that does not pass, by what was asked for."""

WITHHELD: frozenset[Taken] = frozenset({"dropped", "regenerated", "rewound", "abandoned"})
"""Where the record is all that the client gets."""


@dataclass(frozen=True, slots=True)
class JudgeDecision:
    """What a judge said of a sample that a filter had accepted.

    Attributes:
        by: ``judge:`` and its name.
        score: How bad the sample is, in the judge's unit; ``None`` where it gave no number.
        threshold: The most at which a sample passes.
        seconds: For how long a process of the judge was busy with it.
        reason: The comparison in words, or why there is no score.
    """

    by: str
    score: float | None
    threshold: float
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one sample, and on what evidence.

    Attributes:
        action_requested: What was to be done with samples that do not pass.
        action_taken: What was done with this one.
        by: The score that decided: ``confidence`` (higher is surer), ``uncertainty`` (lower is), or
            ``novelty`` (higher is less like training data).
        score: Its value; ``None`` where it could not be told.
        threshold: What it was held against; ``None`` where nothing has a score.
        attempt: Which round of samples this one was of, from 1.
        reason: The comparison in words.
        abandoned_at: Time ``t`` at which the sample was given up; ``None`` if it was finished.
        rung: How it stood among the samples of its request when it was given up for others.
        then: What a judge said of it, if the filter accepted it and a judge was asked.
        margin: Distance in data units that the sample would have to move to change the decision;
            ``None`` where that is not certified.
    """

    action_requested: Action
    action_taken: Taken
    by: Score
    score: float | None
    threshold: float | None
    attempt: int
    reason: str
    abandoned_at: float | None = None
    rung: Rung | None = None
    then: JudgeDecision | None = None
    margin: float | None = None

    @property
    def withheld(self) -> bool:
        """Whether the client does not get the data."""
        return self.action_taken in WITHHELD


def standing(rung: Rung) -> str:
    """Return in words why a sample was given up for others of its request."""
    words = f"rank {rung.rank} of {rung.lanes} at t = {rung.t:.4g}"
    return f"{words}, the first {rung.survivors} go on"


def score_of(sample: Sample, by: Score) -> float | None:
    """Return the number that decides; ``None`` if the sample has none, or none that is finite."""
    score = sample.confidence if by == "confidence" else sample.uncertainty
    if by == NOVELTY:
        score = float(sample.fields[NOVELTY]) if NOVELTY in sample.fields else None
    return score if score is not None and isfinite(score) else None


def margin_of(sample: Sample, by: Score, threshold: float) -> float | None:
    """Distance in data units that a sample would have to move to be on the threshold's other side.

    At least so far: the score cannot change faster. ``None`` for a score of which that is not
    known, and for a confidence, which is a rank.
    """
    score = score_of(sample, by)
    if by != "uncertainty" or score is None or not sample.spec.scores:
        return None
    if sample.finish_reason in ("abandoned", "halted"):
        return None
    steepest = family_of(sample.spec).scores[sample.spec.scores[0]].steepest
    return abs(score - threshold) / steepest if steepest else None
