"""The engine of diffusion models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sureflow.core.engine import EarlyRule
from sureflow.core.field_types import check_range
from sureflow.core.lane import Branch, Inverted, LaneSpec
from sureflow.families.diffusion.grid import times
from sureflow.families.diffusion.lanes import DiffusionLanes
from sureflow.families.diffusion.noise import NoisySteps
from sureflow.families.diffusion.options import MAX_CHURN
from sureflow.families.diffusion.spec import NOISY, DiffusionSpec
from sureflow.families.flow.engine import FlowEngine
from sureflow.families.flow.phases import FlowPhases
from sureflow.families.flow.spec import GRIDS


class DiffusionEngine(FlowEngine):
    """Moves lanes by velocities, along the ODE or an SDE with the same marginals."""

    @classmethod
    def facts(cls, network: Any, learned: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of the model's card that depend on the network."""
        found = super().facts(network, learned)
        fitted = DiffusionSpec.grids if "fitted" in found["grids"] else DiffusionSpec.grids[:-1]
        return {**found, "grids": fitted}

    def lanes(self, capacity: int, early: Mapping[str, EarlyRule] | None = None) -> DiffusionLanes:
        """Slots for lanes of this model."""
        convention = self.model.network.convention
        return DiffusionLanes(convention, capacity, **self.slots(), early=early)

    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> FlowPhases:
        """The solvers, and the phases before and after them."""
        return FlowPhases(self.lanes(capacity, early), NoisySteps(), **self.staged())

    def check(self, spec: LaneSpec) -> None:
        """Check that the model can run a lane, as for a flow, and the noise between its steps."""
        super().check(spec)
        self._check_noise(cast(DiffusionSpec, spec))

    def _check_noise(self, lane: DiffusionSpec) -> None:
        """Check the grid of a lane, the noise between its steps, and those of its parents."""
        if lane.tolerance is None and lane.grid not in GRIDS:
            try:
                times(self.model.network.convention, lane.grid, lane.steps)
            except ValueError as error:
                raise ValueError(f"grid: {error}") from error
        check_range("eta", lane.eta, 0, 1)
        check_range("churn", lane.churn, 0, MAX_CHURN)
        for name in lane.run_by:
            if lane.tolerance is not None or lane.parallel:
                raise ValueError(f"{name}: is for fixed steps, one after another")
            if lane.method not in NOISY[name]:
                raise ValueError(f"{name}: not with {lane.method}, which uses earlier steps")
            if isinstance(lane.origin, Inverted):
                raise ValueError(f"{name}: an inverted sample goes on along the ODE")
        if isinstance(lane.origin, Branch):
            try:
                self._check_noise(cast(DiffusionSpec, lane.origin.parent))
            except ValueError as error:
                raise ValueError(f"parent: {error}") from error
