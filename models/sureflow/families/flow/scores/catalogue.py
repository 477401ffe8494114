"""The catalogue of scores and their meanings: plain data, free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sureflow.core.card import ModelCard
from sureflow.core.family import Meaning, family_of
from sureflow.core.plugins import installed
from sureflow.families.flow.spec import FlowSpec


@dataclass(frozen=True, slots=True)
class FlowMeaning(Meaning):
    """The meaning of a flow's score, what it needs, and what it costs.

    Attributes:
        fold: Path of the score's class, ``package.module:Class``, a subclass of
            :class:`~sureflow.core.score.Score`. It is imported when a lane first uses it.
        needs_condition: Whether it compares a condition with none, and so needs one.
        plain: Whether it holds only for the plain velocity, not for a guided one.
        needs_probe: Whether the model must have a probe.
        needs_classifier: Whether the model must have a classifier, and the lane a label.
        needs_laplace: Whether it must be known what data leave open of the model's last layer.
        needs_scorer: Name of the network beside the model that it is read by; empty without one.
        needs_variance: Whether the model must have a variance.
        rows: Most network rows that it costs per sample, beyond the sample's own, without guidance.
        factor: Network rows that it costs for each row of the sample, with guidance or without.
        after: Network rows that it costs after the sample is finished, all in one tick.
    """

    fold: str = ""
    needs_condition: bool = False
    plain: bool = False
    needs_probe: bool = False
    needs_classifier: bool = False
    needs_laplace: bool = False
    needs_scorer: str = ""
    needs_variance: bool = False
    rows: int = 0
    factor: int = 0
    after: int = 0

    def obstacle(self, card: ModelCard, spec: FlowSpec) -> str | None:
        """Why a lane cannot have this score, as the end of a sentence; ``None`` if it can."""
        if self.needs_condition and not spec.conditioned:
            return "compares a label with none, so it needs one"
        if self.needs_condition and spec.negated:
            return "compares with no condition, so not with a negative one"
        if self.needs_condition and card.needs_label:
            return f"compares a label with none, and {card.name} always needs one"
        if self.needs_condition and card.required:
            return f"compares a condition with none, and {card.name} needs {card.required[0]}"
        if self.plain and spec.guidance != 1:
            return "holds for plain velocities, so not with guidance"
        if self.plain and spec.run_by:
            return "holds for an ODE, so not with noise between its steps"
        if self.needs_variance and card.variance == "none":
            return f"needs a variance, and {card.name} has none; `sureflow fit` makes one"
        if self.factor and not card.differentiable:
            return f"differentiates the velocity, and that of {card.name} cannot be differentiated"
        if self.needs_probe and not card.probed:
            return f"needs a probe, and {card.name} has none; `sureflow probe` makes one"
        if self.needs_classifier and not card.classified:
            return f"needs a classifier, and {card.name} has none; `sureflow classifier` makes one"
        if self.needs_classifier and spec.label is None:
            return "is about a label, so it needs one"
        if self.needs_laplace and not card.laplace:
            what = f"{card.name} has not learned with what"
            return f"compares with training data, and {what}; `sureflow ignorance` does that"
        if self.needs_scorer and "decoder" in card.stages:
            return "is of states, which a decoder makes something else of"
        if (scorer := self.needs_scorer) and scorer not in card.scorers:
            return f"needs a {scorer}, and {card.name} has none; `sureflow {scorer}` makes one"
        if self.needs_scorer and spec.size is not None:
            return "is of samples of the default size"
        if self.costs_rows and spec.parallel:
            return "asks for evaluations of its own, so not with parallel"
        return None

    @property
    def costly(self) -> bool:
        """Whether it costs a pass of its own for every evaluation of the sample."""
        return self.factor > 0

    @property
    def costs_rows(self) -> bool:
        """Whether it costs rows of its own while the sample is made."""
        return self.rows + self.factor > 0


GROUP = "sureflow.scores"
"""Group of the entry points by which other packages bring scores; each is a FlowMeaning."""

HERE = "sureflow.families.flow.scores"

NULL, SLOPE, RENOISED = "null_velocity", "divergence", "renoised"
READ_CLASSES = "classes"
"""Names of the evidence that costs rows of its own: the velocity without condition, besides that
with it; the slope of the velocity along random signs, an estimate of its divergence; the squared
error of the velocities between fresh noise and the sample, over its expected value; and what a
classifier reads of the state."""

SCORES: dict[str, FlowMeaning] = {
    "propagated": FlowMeaning(
        "ambiguity",
        "squared data units",
        "how much was open along the path: the integral of the propagated variance over time",
        not_for="whether the result is right",
        needs_variance=True,
        fold=f"{HERE}.integral:Propagated",
    ),
    "propagated_late": FlowMeaning(
        "landing",
        "squared data units",
        "how much was open after t = 0.5, where samples land on the data or beside them",
        not_for="whether the result is right",
        needs_variance=True,
        foretells=0.6,
        fold=f"{HERE}.integral:PropagatedLate",
    ),
    "likelihood": FlowMeaning(
        "improbability",
        "nats",
        "minus the log-density of the sample, its divergence read off the propagated variance",
        not_for="guided samples",
        plain=True,
        needs_variance=True,
        way_back=True,
        foretells=0.6,
        fold=f"{HERE}.likelihood:Likelihood",
    ),
    "path_residual": FlowMeaning(
        "surprise",
        "1",
        "how far the path was from what the model expected of it, in units of its own variance;"
        " 1 is as expected",
        not_for="low dimensions, and images with empty margins",
        needs_variance=True,
        fold=f"{HERE}.residual:PathResidual",
    ),
    "pooled_residual": FlowMeaning(
        "surprise",
        "1",
        "the same with the variance pooled over the components, which weighs all of them alike",
        not_for="low dimensions",
        needs_variance=True,
        fold=f"{HERE}.residual:PooledResidual",
    ),
    "straightness": FlowMeaning(
        "detour",
        "squared data units",
        "how far the velocities along the path were from the straight line that they came to",
        not_for="models of which every path bends",
        fold=f"{HERE}.residual:Straightness",
    ),
    "trajectory": FlowMeaning(
        "indecision",
        "squared data units",
        "how much the predicted end point still moved in the last fifth of the path",
        not_for="fewer than ten steps",
        foretells=0.9,
        fold=f"{HERE}.trajectory:Trajectory",
    ),
    "probe": FlowMeaning(
        "unreality",
        "the judge's",
        "what a judge would say of the sample, predicted from the network's own activations along"
        " the path",
        not_for="judges that it was not fitted to",
        needs_probe=True,
        fold=f"{HERE}.integral:ProbeReading",
    ),
    "ignorance": FlowMeaning(
        "unfamiliarity",
        "1",
        "how far the network's activations along the path were from those on the way to its"
        " training data: the variance that the data leave open of its velocity; 1 is as there",
        not_for="whether the result is right",
        needs_laplace=True,
        fold=f"{HERE}.integral:Ignorance",
    ),
    "adherence": FlowMeaning(
        "disregard",
        "data units",
        "how far the sample lies on the side of no condition rather than on that of its own",
        not_for="whether the result is well made",
        needs_condition=True,
        rows=1,
        fold=f"{HERE}.adherence:Adherence",
    ),
    "adherence_contrast": FlowMeaning(
        "unsettled",
        "1",
        "how little the condition explained the sample early, and how much it still had to pull"
        " halfway",
        not_for="whether the result is well made, and fewer than four steps",
        needs_condition=True,
        rows=2,
        fold=f"{HERE}.adherence:AdherenceContrast",
    ),
    "class_margin": FlowMeaning(
        "confusion",
        "nats",
        "how far another class is ahead of the one asked for where it comes closest, read at"
        " t = 0.45 and 0.9 from the state and from what the network computes of it untold",
        not_for="whether the result is well made",
        needs_condition=True,
        needs_classifier=True,
        rows=3,
        fold=f"{HERE}.class_margin:ClassMargin",
    ),
    "divergence": FlowMeaning(
        "improbability",
        "nats",
        "minus the log-density of the sample, its divergence estimated from the velocity's own"
        " derivatives along one random direction",
        not_for="requests in a hurry",
        factor=1,
        way_back=True,
        foretells=0.6,
        fold=f"{HERE}.likelihood:Divergence",
    ),
    "residual": FlowMeaning(
        "surprise",
        "1",
        "how far the finished sample is from what the model expects on the way to it from fresh"
        " noise, in units of its own variance; 1 is as expected. Of a model without a variance"
        " in units of the noise's own",
        foretells=1.0,
        after=3,
        fold=f"{HERE}.residual:Renoised",
    ),
    "critic": FlowMeaning(
        "unreality",
        "data units",
        "how far the sample lies on the side of the model's own samples rather than on that of the"
        " data, as a critic tells them apart; a sample that is to pass has to move by at least the"
        " difference",
        not_for="whether the condition is met",
        foretells=0.9,
        steepest=1.0,
        needs_scorer="critic",
        fold=f"{HERE}.finished:Critic",
    ),
    "circuit": FlowMeaning(
        "improbability",
        "nats",
        "minus the exact log-probability of the sample, its components above or below a threshold,"
        " under a probabilistic circuit of the data",
        not_for="whether the condition is met",
        foretells=0.9,
        needs_scorer="circuit",
        fold=f"{HERE}.finished:Circuit",
    ),
}
SCORES |= installed(GROUP, FlowMeaning)
"""The scores by name; those of installed packages come last."""


def scores_of(what: FlowSpec | ModelCard) -> Mapping[str, FlowMeaning]:
    """The scores of a lane, or of a model, by name: a family that is a flow may have others."""
    found: Any = family_of(what).scores
    known: Mapping[str, FlowMeaning] = found
    return known
