"""Resampling: the process that draws the noise in a lane's state anew."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.draw import Purpose
from sureflow.core.path import LINEAR
from sureflow.core.process import Query, Reply
from sureflow.core.transfer import to_host
from sureflow.families.flow.edits import Draw
from sureflow.families.flow.guidance import apply_guidance
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.operations import Region, Resample, Uncertain
from sureflow.families.flow.process import FlowProcess


class Resampling(FlowProcess):
    """Applies :class:`~sureflow.families.flow.operations.Resample` by one evaluation of a state.

    The evaluation uses the condition that the lane had so far.
    """

    def __init__(self, lanes: FlowLanes) -> None:
        super().__init__(lanes)
        self._pending: dict[int, tuple[Resample, Draw]] = {}

    def prepare(self, slot: int, operation: Resample, draw: Draw) -> None:
        """Admit a lane for an operation, which has this noise."""
        self._pending[slot] = operation, draw

    def ask(self, slots: Slots) -> list[Query]:
        """The states of all lanes, then those of the guided ones without condition."""
        lanes = self.lanes
        doubled = np.flatnonzero(lanes.guidance[slots] != 1)
        x = lanes.x[lanes.index(slots)].clone()
        return [self.velocity_query(slots, x, lanes.t[slots].astype(np.float32), doubled)]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Move the states; every lane is done."""
        lanes, guidance = self.lanes, self.lanes.guidance[slots]
        velocity, variance = apply_guidance(replies[0], guidance, np.flatnonzero(guidance != 1))
        lanes.evaluations[slots] += 1 + (guidance != 1)
        diverged = np.zeros(len(slots), np.bool_)
        for place, slot in enumerate(slots.tolist()):
            operation, draw = self._pending.pop(slot)
            x, t = lanes.x[slot], float(lanes.t[slot])
            start, end = LINEAR.ends(x, t, velocity[place])
            noise = lanes.noise_in(start, end)
            fresh = draw(Purpose.RESAMPLE, 0)
            renewed = lanes.renewed(noise, fresh, operation.strength)
            begun = lanes.begun(slots[place : place + 1], renewed[None], end[None])[0]
            moved = LINEAR.interpolate(begun, end, t)
            chosen = _chosen(operation.region, variance[place])
            diverged[place] = not bool(moved.isfinite().all())
            if not diverged[place]:
                # A guided velocity does not give the gradient of the density.
                slope = lanes.slope(x, t, velocity[place]) if guidance[place] == 1 else None
                lanes.jump(slot, torch.where(chosen, moved, x), slope, renewed=True)
        return np.ones(len(slots), np.bool_), diverged

    def release(self, slot: int) -> None:
        """Forget the lane's operation."""
        self._pending.pop(slot, None)


def _chosen(region: Region, variance: Tensor) -> Tensor:
    """Mask of the components in a region, ``[*shape]``."""
    if isinstance(region, str):
        return torch.ones_like(variance, dtype=torch.bool)
    if isinstance(region, Uncertain):
        values = to_host(variance).reshape(-1)
        count = max(round(region.share * values.size), 1)
        mask = np.zeros(values.size, np.bool_)
        mask[np.argsort(-values, kind="stable")[:count]] = True
        region = mask.reshape(variance.shape)
    return torch.tensor(region, device=variance.device)
