"""The scores of students and their meanings. Free of torch.

A student has no variance: it was not trained to say how open its prediction is. Its scores ask
whether it answers alike in several ways, or are those of flows that need no variance.
"""

from __future__ import annotations

from dataclasses import dataclass

from sureflow.core.card import ModelCard
from sureflow.families.flow.scores.catalogue import SCORES as OF_FLOWS
from sureflow.families.flow.scores.catalogue import FlowMeaning
from sureflow.families.flow.spec import FlowSpec

HERE = "sureflow.families.students.scores"

RENOISE_SPREAD, SELF_CONSISTENCY = "renoise_spread", "self_consistency"

DRAWS = 3
"""How often a finished sample is renoised."""

SHARED = ("adherence", "adherence_contrast", "probe", "ignorance")
"""Scores of flows that students have too."""


@dataclass(frozen=True, slots=True)
class RevisedMeaning(FlowMeaning):
    """The meaning of a score that compares the steps of a sample, of which there must be two."""

    def obstacle(self, card: ModelCard, spec: FlowSpec) -> str | None:
        """Why a lane cannot have this score, as the end of a sentence; ``None`` if it can."""
        if spec.steps < 2:
            return "compares the steps of a sample, so it needs two of them"
        return FlowMeaning.obstacle(self, card, spec)


SCORES: dict[str, FlowMeaning] = {
    RENOISE_SPREAD: FlowMeaning(
        "instability",
        "data units",
        "how far the sample moves when half of it becomes noise and the student finishes it again:"
        " root of the mean square over three draws",
        not_for="whether the sample is right",
        foretells=1.0,
        after=1 + DRAWS,
        fold=f"{HERE}.consistency:RenoiseSpread",
    ),
    SELF_CONSISTENCY: FlowMeaning(
        "inconsistency",
        "data units",
        "how far the prediction moves when the student is asked again halfway through its own last"
        " step",
        not_for="whether the sample is right",
        foretells=1.0,
        after=1,
        fold=f"{HERE}.consistency:SelfConsistency",
    ),
    "revision": RevisedMeaning(
        "revision",
        "data units",
        "how far the predicted sample moved from one step to the next, root of the sum of squares;"
        " costs nothing",
        not_for="samples of one step, which are not revised",
        foretells=1.0,
        fold=f"{HERE}.revision:Revision",
    ),
    **{name: OF_FLOWS[name] for name in SHARED},
}
