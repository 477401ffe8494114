"""What the scores of a model follow: trivial properties of samples, and what a judge finds bad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import rankdata

from sureflow.core.arrays import Flags, Floats
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec, Sample
from sureflow.evaluation.auroc import auroc
from sureflow.evaluation.trivial import rank_correlation, trivial_properties
from sureflow.model import Model

WORST = 0.2
"""Share of samples that is called bad where a judge says how bad they are."""


@dataclass(frozen=True)
class Followed:
    """A score, or a trivial property, and what it follows.

    Attributes:
        score: Its name.
        says: What it measures; nothing of a property.
        median: Its median over the samples.
        correlations: Rank correlation with each trivial property, and half its 95 % interval.
        within: The same among the samples of a class, which is what a filter by confidence comes
            to; nothing without classes.
        tells: Chance that a bad sample has a larger value than another; of a property in the
            direction that suits it. ``None`` if nobody judged the samples.
    """

    score: str
    says: str
    median: float
    correlations: dict[str, tuple[float, float]]
    within: dict[str, tuple[float, float]] = field(default_factory=dict)
    tells: float | None = None

    @property
    def strongest(self) -> tuple[str, float]:
        """The property that it follows most, and the correlation."""
        name = max(self.correlations, key=lambda key: abs(self.correlations[key][0]))
        return name, self.correlations[name][0]


def affordable(model: Model, lane: LaneSpec) -> tuple[str, ...]:
    """Scores that such a lane can have and that cost no pass of their own, the model's first."""
    family = family_of(model.card)
    able = [name for name, each in family.scores.items() if not each.costly]
    able = [name for name in able if family.obstacle(name, model.card, lane) is None]
    first = model.score_for(lane)
    return (first, *(name for name in able if name != first))


def followed(
    samples: Sequence[Sample], scores: Sequence[str], bad: Flags | None = None
) -> list[Followed]:
    """What scores of samples follow, which all are finite; then the properties themselves.

    Args:
        samples: The samples.
        scores: Names of scores that they have.
        bad: Which of them a judge finds bad, ``[n]``.
    """
    meanings = family_of(samples[0].spec).scores
    properties = trivial_properties(np.stack([sample.data for sample in samples]))
    labels = [getattr(sample.spec, "label", None) for sample in samples]
    found = []
    for name in scores:
        values = np.array([sample.scores[name] for sample in samples])
        tells = None if bad is None else auroc(values, bad)
        found.append(_one(name, meanings[name].says, values, properties, labels, tells))
    for name, values in properties.items():
        tells = None if bad is None else 0.5 + abs(auroc(values, bad) - 0.5)
        found.append(_one(name, "", values, properties, labels, tells))
    return found


def worst(verdicts: Floats) -> Flags:
    """Which samples are bad by verdicts ``[n]``: those with 1 among 0, or the worst fifth."""
    told = bool(np.isin(verdicts, (0, 1)).all())
    bad: Flags = verdicts == 1 if told else verdicts > np.quantile(verdicts, 1 - WORST)
    return bad


def table(found: Sequence[Followed]) -> str:
    """The figures as lines of text, one for each score and each property."""
    names = [*found[0].correlations]
    judged, classes = found[0].tells is not None, bool(found[0].within)
    head = f"{'':20}" + "".join(f"{name:>15}" for name in names) + f"{'AUROC':>8}" * judged
    lines = [head]
    for each in found:
        cells = []
        for name in names:
            value, inside = each.correlations[name][0], each.within.get(name, (math.nan, 0))[0]
            cells.append(f"{value:+.2f} ({inside:+.2f})" if classes else f"{value:+.2f}")
        tells = f"{each.tells:8.3f}" if each.tells is not None else ""
        lines.append(f"{each.score:20}" + "".join(f"{cell:>15}" for cell in cells) + tells)
    return "\n".join(lines)


def _one(
    name: str,
    says: str,
    values: Floats,
    properties: dict[str, Floats],
    labels: Sequence[Any],
    tells: float | None,
) -> Followed:
    whole = {key: rank_correlation(values, other) for key, other in properties.items()}
    inside = {}
    if len(set(labels)) > 1:
        placed = _places(values, labels)
        inside = {
            key: rank_correlation(placed, _places(other, labels))
            for key, other in properties.items()
        }
    return Followed(name, says, float(np.median(values)), whole, inside, tells)


def _places(values: Floats, labels: Sequence[Any]) -> Floats:
    """Ranks within the label, scaled to (0, 1), ``[n]``."""
    placed, of = np.empty(len(values)), np.array([str(label) for label in labels])
    for label in set(of.tolist()):
        chosen = of == label
        placed[chosen] = (rankdata(values[chosen]) - 0.5) / chosen.sum()
    return placed
