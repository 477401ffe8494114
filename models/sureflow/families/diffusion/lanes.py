"""The lanes of a diffusion model: those of a flow, and the noise between their steps."""

from __future__ import annotations

from typing import Any, cast

from sureflow.core.arrays import Floats
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

    def __init__(self, convention: Convention, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.convention = convention
        self.eta = self.number("eta", kept=False)
        self.churn = self.number("churn", kept=False)

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
