"""What can be said of a model without a judge: its scores, what they follow, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sureflow.core.lane import Sample
from sureflow.evaluation.evaluate import balanced, draw_balanced
from sureflow.evaluation.followed import Followed, affordable, followed
from sureflow.model import Model
from sureflow.sampling.evaluator import main_head

STRONG = 0.7
"""A rank correlation from which a score is said to follow a property."""


@dataclass(frozen=True)
class ModelReport:
    """A report of a model.

    Attributes:
        model: The model.
        ranked: Samples, the surest first.
        score: The score by which they are ranked.
        followed: What each score follows.
        milliseconds: Time of a block of rows by its size.
        evaluations: Mean evaluations of a sample.
        unknown: Sentences: what is not known of the model.
    """

    model: Model
    ranked: list[Sample]
    score: str
    followed: list[Followed]
    milliseconds: dict[int, float]
    evaluations: float
    unknown: list[str]


def report(model: Model, count: int, seed: int = 7, quiet: bool = False) -> ModelReport:
    """Draw samples of all classes with all scores that cost no pass of their own, and look at them.

    Args:
        model: The model.
        count: Number of samples.
        seed: Their seed.
        quiet: Whether to show no progress.
    """
    (lane,) = balanced(model, [0], seed)
    scores = affordable(model, lane)
    samples = draw_balanced(model, count, seed, scores=scores, quiet=quiet)
    finite = [s for s in samples if np.isfinite([*s.scores.values()]).all()]
    found = followed(finite, scores)[: len(scores)]
    costs = main_head(model).division.costs
    return ModelReport(
        model=model,
        ranked=sorted(finite, key=_unsure),
        score=scores[0],
        followed=found,
        milliseconds={size: 1000 * cost for size, cost in costs.items()},
        evaluations=float(np.mean([sample.evaluations for sample in samples])),
        unknown=_unknown(model, found[0], len(samples) - len(finite)),
    )


def _unsure(sample: Sample) -> tuple[float, float]:
    confidence = 0.0 if sample.confidence is None else sample.confidence
    return -confidence, sample.uncertainty


def _unknown(model: Model, first: Followed, diverged: int) -> list[str]:
    card, found = model.card, []
    imported: Any = card.provenance.get("imported", [])
    if any("not checked" in str(note) for note in imported):
        found.append("Whether its convention is right: no data were given when it was imported.")
    if card.variance == "none":
        found.append("Its variance: it has none, and only scores that need none. Fit it.")
    if not card.calibrated:
        found.append("What share of samples is less sure: it is not calibrated.")
    if model.calibration is None or model.calibration.conformal is None:
        found.append("Whether sure samples are good ones: no judge has looked at any.")
    name, strength = first.strongest
    if abs(strength) >= STRONG:
        found.append(
            f"Whether {first.score} says more than {name}: their rank correlation is "
            f"{strength:+.2f}."
        )
    if diverged:
        found.append(f"Why {diverged} of the samples diverged.")
    return found
