"""The score ``probe``: mean reading of the network's linear probe along the path."""

from __future__ import annotations

import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index, Slots
from sureflow.core.score import Evidence, Step
from sureflow.families.flow.scores.integral import Integral


class ProbeReading(Integral):
    """``int p(x_t, t) dt`` of the reading ``p`` of a :class:`~sureflow.networks.probe.Probe`.

    It is linear in activations averaged over the path. A guided lane uses the reading with its
    label, since the probe was fitted to samples without guidance.
    """

    def integrand(self, step: Step) -> Floats:
        """The reading of the probe."""
        reading: Floats = step.evidence("reading")
        return reading

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """Mean reading from 0 to the present time."""
        t = evidence("t")
        elapsed = torch.from_numpy(t).where(torch.from_numpy(t > 0), 1.0)
        return super().values(slots, where, evidence) / elapsed
