"""Drawing the noise in a lane's state anew: the process of the operation ``resample``."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.draw import Purpose, normal
from sureflow.core.process import Outcome, Rows
from sureflow.core.transfer import to_host
from sureflow.families.flow.edits import Key
from sureflow.families.flow.guidance import guide
from sureflow.families.flow.lanes import Lanes
from sureflow.families.flow.operations import Region, Resample, Uncertain
from sureflow.families.flow.spec import FlowSpec
from sureflow.moments import Moments


class Redraw:
    """One evaluation where a lane stands, under the condition that it came under.

    With the expected end ``mu1 = x + (1 - t) v`` and the expected noise ``mu0 = x - t v``, the
    state becomes ``t mu1 + (1 - t) (sqrt(1 - strength^2) mu0 + strength xi)``.

    Args:
        lanes: The lanes, those that have come to where they leave their parent among them.
        null_label: Label that stands for "no condition".
    """

    def __init__(self, lanes: Lanes, null_label: int) -> None:
        self.lanes = lanes
        self.null_label = null_label
        self._asked: dict[int, tuple[Resample, Key]] = {}

    def prepare(self, slot: int, operation: Resample, key: Key) -> None:
        """Take a lane over for this operation, whose noise is drawn at ``key``."""
        self._asked[slot] = operation, key

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Nothing: lanes come here by :meth:`prepare`."""

    def rows(self, slots: Slots) -> Rows:
        """The states of all lanes, then those of the guided ones without condition."""
        lanes = self.lanes
        doubled = np.flatnonzero(lanes.guidance[slots] != 1)
        x = lanes.x[lanes.index(slots)].clone()
        t = lanes.t[slots].astype(np.float32)
        return Rows.at(x, t, lanes.label[slots], doubled, self.null_label)

    def advance(
        self, slots: Slots, replies: Moments, slopes: Tensor | None = None
    ) -> tuple[Flags, Flags]:
        """Move the states; every lane is done."""
        lanes, guidance = self.lanes, self.lanes.guidance[slots]
        velocity, variance = guide(replies, guidance, np.flatnonzero(guidance != 1))
        lanes.evaluations[slots] += 1 + (guidance != 1)
        diverged = np.zeros(len(slots), np.bool_)
        for place, slot in enumerate(slots.tolist()):
            operation, key = self._asked.pop(slot)
            x, t = lanes.x[slot], float(lanes.t[slot])
            noise = x - t * velocity[place]
            fresh = normal(lanes.shape, *key.of(Purpose.RESAMPLE)).to(lanes.device)
            kept = math.sqrt(1 - operation.strength**2)
            end = x + (1 - t) * velocity[place]
            moved = t * end + (1 - t) * (kept * noise + operation.strength * fresh)
            chosen = _chosen(operation.region, variance[place])
            diverged[place] = not bool(moved.isfinite().all())
            if not diverged[place]:
                # the velocity says where the density rises only if no guidance has bent it
                slope = (t * velocity[place] - x) / (1 - t) if guidance[place] == 1 else None
                lanes.jump(slot, torch.where(chosen, moved, x), slope, renewed=True)
        return np.ones(len(slots), np.bool_), diverged

    def progress(self, slot: int) -> tuple[int, float]:
        """Steps completed, and where the lane stands."""
        return self.lanes.progress(slot)

    def retire(self, slot: int, spec: FlowSpec) -> Outcome:
        """What the lane was before."""
        return self.lanes.outcome(slot, spec)

    def release(self, slot: int) -> None:
        """Forget what was asked for."""
        self._asked.pop(slot, None)


def _chosen(region: Region, variance: Tensor) -> Tensor:
    """The components that a region names, ``[*shape]``, by their variance."""
    if isinstance(region, str):
        return torch.ones_like(variance, dtype=torch.bool)
    if isinstance(region, Uncertain):
        values = to_host(variance).reshape(-1)
        count = max(round(region.share * values.size), 1)
        mask = np.zeros(values.size, np.bool_)
        mask[np.argsort(-values, kind="stable")[:count]] = True
        region = mask.reshape(variance.shape)
    return torch.tensor(region, device=variance.device)
