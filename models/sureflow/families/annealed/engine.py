"""The engine of densities: a target, its density and gradient as a head, and the lanes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from sureflow.core.card import Condition
from sureflow.core.draw import Purpose, normal
from sureflow.core.engine import EarlyRule, Engine, Head
from sureflow.core.field_types import check_choice, check_range, check_types
from sureflow.core.lane import Branch, Inverted, LaneSpec
from sureflow.families.annealed.lanes import AnnealedLanes
from sureflow.families.annealed.operations import Guide
from sureflow.families.annealed.phases import AnnealedPhases
from sureflow.families.annealed.process import DENSITY
from sureflow.families.annealed.spec import (
    LANGEVIN,
    MAX_LEAPFROG,
    MAX_REPLICAS,
    MAX_STEPS,
    METHODS,
    TEMPERATURE,
    TRANSPORT,
    AnnealedSpec,
)
from sureflow.families.annealed.target import Target
from sureflow.families.annealed.targets import build

ROW_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Block sizes to try: a lane asks for several rows, each of which costs little."""

TEMPERED = Condition("vector", (1,), 1.0, "temperature of the target, above 0; 1 is its own")


class AnnealedEngine(Engine):
    """Samples a target that a checkpoint describes, or that an operator brings."""

    main = DENSITY

    @classmethod
    def build(cls, config: Mapping[str, Any]) -> nn.Module:
        """Make the target."""
        return build(config)

    @classmethod
    def state(cls, config: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """Names and shapes of the target's tensors; a module of an operator may read its own."""
        return cls.build(config).state_dict()

    @classmethod
    def facts(cls, network: Target, learned: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of the model's card that depend on the target."""
        return {
            "shape": (network.dimension,),
            "differentiable": False,
            "variance": "none",
            "grids": (),
            "conditions": {TEMPERATURE: TEMPERED, **network.conditions},
        }

    def heads(self) -> Mapping[str, Head]:
        """The log density and its gradient."""
        target: Target = self.model.network

        def example(count: int) -> dict[str, Tensor]:
            shape = (target.dimension,)
            noise = torch.stack([normal(shape, 0, row, Purpose.START) for row in range(count)])
            at = target.mean + target.scale * noise.double().to(target.mean.device)
            given = {
                name: torch.full((count, *each.shape), each.null, dtype=at.dtype, device=at.device)
                for name, each in target.conditions.items()
            }
            return {"z": at, **given}

        return {DENSITY: Head(target.evaluate, example, ROW_COUNTS)}

    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> AnnealedPhases:
        """The processes, with this many slots."""
        return AnnealedPhases(AnnealedLanes(self.model.network, capacity, early))

    def check(self, spec: LaneSpec) -> None:
        """Check that the model can run a lane."""
        lane = cast(AnnealedSpec, spec)
        check_types(lane)
        check_choice("method", lane.method, METHODS)
        check_range("steps", lane.steps, 1, MAX_STEPS)
        check_range("warmup", lane.warmup, 0, MAX_STEPS)
        check_range("replicas", lane.replicas, 1 if lane.method == LANGEVIN else 2, MAX_REPLICAS)
        check_range("leapfrog", lane.leapfrog, 1, MAX_LEAPFROG)
        check_range("start", lane.start, 1e-3, 0.9)
        check_range("noise", lane.noise, 1e-3, 10)
        for name, array in lane.condition.items():
            known = self.model.card.conditions.get(name)
            if known is None or tuple(array.shape) != known.shape:
                raise ValueError(f"condition: {self.model.card.name} takes no such {name}")
        if TEMPERATURE in lane.condition and np.any(
            np.asarray(lane.condition[TEMPERATURE], np.float64) <= 0
        ):
            raise ValueError("condition: a temperature is above 0")
        if isinstance(lane.origin, Inverted):
            raise ValueError("origin: a given point has no run that leads to it")
        if isinstance(lane.origin, Branch):
            self._check_branch(lane, lane.origin)

    def _check_branch(self, lane: AnnealedSpec, origin: Branch) -> None:
        parent = cast(AnnealedSpec, origin.parent)
        self.check(parent)
        for name in ("method", "steps", "warmup", "replicas", "leapfrog", "start", "noise"):
            if getattr(parent, name) != getattr(lane, name):
                raise ValueError(f"{name}: a run keeps that of its start")
        for operation in origin.operations:
            operation.check(self.model.card.state_shape)  # type: ignore[attr-defined]
            if (
                lane.method == TRANSPORT
                and origin.step > lane.warmup
                and not isinstance(operation, Guide)
            ):
                raise ValueError("operations: a transport under way can be guided, and no more")
