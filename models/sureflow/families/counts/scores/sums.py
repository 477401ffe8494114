"""The scores: sums over components of what lanes add up on the way.

Their evidence is of host memory, ``[n, d]``: ``ambiguity``, ``entropy``, ``deviance`` and ``churn``
of every component so far. What is still to come counts as what there is at the present step.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from sureflow.core.arrays import Index, Slots
from sureflow.core.score import Evidence, Score


class _Sum(Score):
    """A sum over components; larger is less sure."""

    name: ClassVar[str]

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The score so far, ``[n]``."""
        return torch.from_numpy(evidence(self.name).sum(-1))


class Ambiguity(_Sum):
    """Integral of the variance of the rates (count analogue of ``propagated``)."""

    name = "ambiguity"


class Entropy(_Sum):
    """Integral of the entropies of the ends."""

    name = "entropy"


class Deviance(_Sum):
    """Integral of the Poisson deviance of the sample from its predictions."""

    name = "deviance"


class Churn(_Sum):
    """Jumps that were taken back; a bridge takes none."""

    name = "churn"
