"""Did the condition settle the sample early, so that it is no longer needed late?"""

from __future__ import annotations

from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.score import Evidence
from sureflow.families.flow.scores.evidence import TINY, ConditionEvidence


class AdherenceContrast(ConditionEvidence):
    """Cosine of adherence early on the path less that halfway, in [-2, 2].

    The cosine is adherence over ``|u - (v_c + v_null) / 2|``: how squarely the sample's target
    ``u = x1 - x0`` lies on the side of no condition (1) or of its own (-1). Early the condition has
    to be what explains a sample. Halfway its state shows what it is: the velocity without a
    condition knows as much, and the cosine is near 0. If the condition still pulls there, the
    state looks like something else.
    """

    TIMES = (0.15, 0.5)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The difference; NaN until both were asked."""
        early, late = (
            side / away.clamp(min=TINY)
            for side, away in (self.explained(slots, where, evidence("end"), n) for n in range(2))
        )
        return early - late
