"""The lanes of a diffusion model: those of a flow, and the noise between their steps."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from torch import Tensor

from sureflow.core.arrays import Floats, Slots
from sureflow.core.path import LINEAR, Time, broadcast
from sureflow.families.diffusion.grid import times
from sureflow.families.diffusion.spec import DiffusionSpec
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.spec import GRIDS, FlowSpec
from sureflow.networks.foreign.convention import Convention


class DiffusionLanes(FlowLanes):
    """Lanes of a diffusion model, on the clock of flows.

    Attributes:
        convention: What the numbers of the network mean.
        eta: See :class:`~sureflow.families.diffusion.spec.DiffusionSpec`, as for ``churn``.
    """

    def __init__(self, convention: Convention, capacity: int, **slots: Any) -> None:
        super().__init__(capacity, **slots)
        self.convention = convention
        self.eta = self.number("eta", kept=False)
        self.churn = self.number("churn", kept=False)

    def begun(self, owner: Slots, noise: Tensor, data: Tensor) -> Tensor:
        """States at ``t = 0`` of the paths from noise to data."""
        return self.convention.start(noise, data)

    def noise_in(self, start: Tensor, data: Tensor) -> Tensor:
        """The noise of a path that begins with this state; the inverse of :meth:`begun`."""
        a, b = self.convention.coupling
        return start if (a, b) == (0, 1) else (start - a * data) / b

    def slope(self, x: Tensor, t: Time, velocity: Tensor) -> Tensor:
        """``grad log p_t``, the expected noise over minus the deviation of the noise."""
        _, b = self.convention.coupling
        left = broadcast(1 - t, x) if isinstance(t, Tensor) else 1 - t
        return self.noise_in(*LINEAR.ends(x, t, velocity)) / (-b * left)

    def signal(self, t: Floats) -> Floats:
        """Factor of the data over the variance of the noise at ``t = 0``, and its rise: ``[n, 2]``.

        For times ``[n]``; the rise is that of the factor alone.
        """
        a, b = self.convention.coupling
        return np.stack([(t + (1 - t) * a) / b**2, np.full_like(t, 1 - a)], 1)

    def level(self, t: Floats) -> Floats:
        """``log(signal / noise)`` at times ``[n]``, infinite at the ends."""
        a, b = self.convention.coupling
        with np.errstate(divide="ignore"):
            level: Floats = np.log(t + (1 - t) * a) - np.log(1 - t) - np.log(b)
        return level

    def set_grid(self, slot: int, spec: FlowSpec, step: int, t: float) -> None:
        """Set how a lane is run from this step and time on."""
        super().set_grid(slot, spec, step, t)
        lane = cast(DiffusionSpec, spec)
        self.eta[slot], self.churn[slot] = lane.eta, lane.churn

    def times_of(self, spec: FlowSpec) -> Floats:
        """The fixed grid of a spec, from exactly 0 to exactly 1."""
        if spec.grid in GRIDS:
            return super().times_of(spec)
        return times(self.convention, spec.grid, spec.steps)
