"""What the network's probe read along the path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sureflow.core.arrays import Floats
from sureflow.core.score import Evaluation
from sureflow.families.flow.scores.integral import Integral

if TYPE_CHECKING:
    from sureflow.core.arrays import Slots


class Probed(Integral):
    """``int p(x_t, t) dt`` of what a :class:`~sureflow.networks.probe.Probe` reads.

    Linear in activations averaged over the path. Of a guided lane it is the reading under its own
    label, which is the velocity that the probe was fitted to.
    """

    def integrand(self, evaluation: Evaluation) -> Floats:
        """The reading."""
        return evaluation.reading

    def values(self, slots: Slots, end: Tensor) -> Tensor:
        """Mean reading over the time so far."""
        t = self.lanes.t[slots]
        elapsed = torch.from_numpy(t).where(torch.from_numpy(t > 0), 1.0)
        return super().values(slots, end) / elapsed
