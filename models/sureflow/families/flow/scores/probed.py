"""What the network's probe read along the path."""

from __future__ import annotations

import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index, Slots
from sureflow.core.score import Evidence, Step
from sureflow.families.flow.scores.integral import Integral


class Probed(Integral):
    """``int p(x_t, t) dt`` of what a :class:`~sureflow.networks.probe.Probe` reads.

    Linear in activations averaged over the path. Of a guided lane it is the reading under its own
    label, which is the velocity that the probe was fitted to.
    """

    def integrand(self, step: Step) -> Floats:
        """The reading."""
        reading: Floats = step.evidence("reading")
        return reading

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """Mean reading over the time so far."""
        t = evidence("t")
        elapsed = torch.from_numpy(t).where(torch.from_numpy(t > 0), 1.0)
        return super().values(slots, where, evidence) / elapsed
