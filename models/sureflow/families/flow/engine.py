"""The flow's mathematics for one model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from sureflow.core.early import EarlyRule
from sureflow.core.engine import Engine, Head
from sureflow.core.lane import LaneSpec
from sureflow.families.flow import head
from sureflow.families.flow.checks import check
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.phases import FlowPhases
from sureflow.families.flow.rows import JVP, VELOCITY
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import build


class FlowEngine(Engine):
    """Velocities, their variances and their derivatives; lanes that integrate them."""

    main = VELOCITY

    @classmethod
    def build(cls, config: Mapping[str, Any]) -> nn.Module:
        """Make the velocity network that a checkpoint describes."""
        return build(dict(config))

    def heads(self) -> Mapping[str, Head]:
        """The velocity with its variance, and its derivative along a direction."""
        network, conditions = self.model.network, self.model.card.conditions
        return {
            VELOCITY: head.velocity(network, conditions),
            JVP: head.jvp(network, conditions),
        }

    def lanes(self, capacity: int, early: Mapping[str, EarlyRule] | None = None) -> FlowLanes:
        """Slots for lanes of this model."""
        model = self.model
        return FlowLanes(
            capacity,
            model.card.shape,
            model.device,
            model.network.classes,
            model.grid,
            early,
            model.card.conditions,
        )

    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> FlowPhases:
        """Solvers, and what goes before and after them."""
        return FlowPhases(self.lanes(capacity, early))

    def check(self, spec: LaneSpec) -> None:
        """Make sure that a lane suits the model; see :func:`check`."""
        check(cast(FlowSpec, spec), self.model, self)
