"""The score ``adherence_contrast``: adherence early on the path, less adherence halfway."""

from __future__ import annotations

from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.score import Evidence
from sureflow.families.flow.scores.evidence import TINY, ConditionEvidence


class AdherenceContrast(ConditionEvidence):
    """Cosine of adherence early on the path, less the cosine halfway, in [-2, 2].

    The cosine is adherence divided by ``|u - (v_c + v_null) / 2|``: 1 if the sample's target
    ``u = x1 - x0`` lies on the side of no condition, -1 if it lies on the side of its own. Early,
    the condition should explain the sample. Halfway, the state of a good sample shows what it is:
    the velocity without condition agrees with that of the condition, and the cosine is near 0. If
    the condition still pulls there, the state looks like something else.
    """

    TIMES = (0.15, 0.5)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The difference; NaN until there is evidence at both times."""
        early, late = (
            side / away.clamp(min=TINY)
            for side, away in (self.explained(slots, where, evidence("end"), n) for n in range(2))
        )
        return early - late
