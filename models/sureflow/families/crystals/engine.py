"""The engine of crystals."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sureflow.core.engine import EarlyRule
from sureflow.families.crystals.lanes import CrystalLanes
from sureflow.families.crystals.renoise import CrystalRenoise
from sureflow.families.flow.engine import FlowEngine
from sureflow.families.flow.phases import FlowPhases


class CrystalEngine(FlowEngine):
    """Moves cells by velocities in the six real numbers of each, and atoms on the torus."""

    @classmethod
    def facts(cls, network: Any, learned: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of the model's card that depend on the network; samples are tables."""
        return {
            **super().facts(network, learned),
            "shape": network.sample_shapes[0],
            "shapes": network.sample_shapes,
            "state_shapes": network.shapes,
            "own_sizes": tuple((n,) for n in network.atoms),
        }

    def lanes(self, capacity: int, early: Mapping[str, EarlyRule] | None = None) -> CrystalLanes:
        """Slots for lanes of this model."""
        return CrystalLanes(capacity, **self.slots(), early=early)

    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> FlowPhases:
        """The solvers, and the phases before and after them."""
        renoise = partial(CrystalRenoise, times=self.model.network.renoised)
        return FlowPhases(self.lanes(capacity, early), **self.staged(), renoise=renoise)
