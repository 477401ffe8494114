"""The scores of counts: what they mean. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sureflow.core.family import Meaning


@dataclass(frozen=True, slots=True)
class CountMeaning(Meaning):
    """The meaning of a score of counts.

    Attributes:
        fold: Path of its class.
    """

    fold: str = ""


_HOME = "sureflow.families.counts.scores.sums"
_SIZE = "samples of different totals: large counts are open by themselves"

SCORES: Mapping[str, CountMeaning] = {
    "ambiguity": CountMeaning(
        "openness",
        "squared counts per unit time",
        "how open the rates of births and deaths were: the integral of their variance over time",
        _SIZE,
        fold=f"{_HOME}:Ambiguity",
    ),
    "entropy": CountMeaning(
        "openness",
        "nats",
        "how open the ends were: the integral over time of the entropies of their posteriors",
        _SIZE,
        fold=f"{_HOME}:Entropy",
    ),
    "deviance": CountMeaning(
        "surprise",
        "nats",
        "how far the sample is from what was predicted of it on the way: the integral over time of"
        " its Poisson deviance",
        fold=f"{_HOME}:Deviance",
    ),
    "churn": CountMeaning(
        "indecision",
        "jumps",
        "how many births and deaths were taken back: jumps less the distance that they came",
        fold=f"{_HOME}:Churn",
    ),
}
"""The scores by name."""
