"""From a sample back to noise: the flow on mirrored time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.lane import Array
from sureflow.core.origin import Inverted
from sureflow.core.process import Outcome, Rows
from sureflow.families.flow.grid import uniform
from sureflow.families.flow.lanes import Lanes
from sureflow.families.flow.solver import Flow
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import Reply

TINY = 1e-30
"""Keeps a sample of zeros from dividing by zero."""


class Inversion:
    """``dx/dtau = -v(x, 1 - tau)`` from the sample at ``tau = 0``, by the lane's own solver.

    It is the same flow, with lanes of its own that gather nothing. A fixed grid is that of the
    way back, mirrored.

    Args:
        lanes: Where a lane goes on, at ``t = 0``, once its noise is found.
        null_label: Label that stands for "no condition".
    """

    def __init__(self, lanes: Lanes, null_label: int) -> None:
        self.lanes = lanes
        self.null_label = null_label
        self._mirrored: Flow | None = None

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Start from the sample that the spec gives."""
        assert isinstance(spec.origin, Inverted)
        self.lanes.admit(slot, spec, self.null_label)
        back, flow = replace(spec, scores=(), early=None, keep=(), watch=(), halt=None), self._flow
        flow.admit(slot, back)
        flow.lanes.begin_at(slot, torch.tensor(spec.origin.data))
        times = self.lanes.fitted.times if spec.grid == "fitted" and self.lanes.fitted else uniform
        flow.lanes.grid[slot, : spec.steps + 1] = 1 - times(spec.steps)[::-1]
        flow.lanes.h[slot] = flow.lanes.grid[slot, 1]

    def rows(self, slots: Slots) -> Rows:
        """Those of the flow, at the mirrored times."""
        rows = self._flow.rows(slots)
        return replace(rows, t=1 - rows.t)

    def advance(
        self, slots: Slots, replies: Reply, slopes: Tensor | None = None
    ) -> tuple[Flags, Flags]:
        """The flow's own, against the velocity."""
        flow = self._flow
        done, diverged = flow.advance(slots, Reply(-replies.mean, replies.variance))
        self.lanes.evaluations[slots] = flow.lanes.evaluations[slots]
        for slot in slots[done & ~diverged].tolist():
            self.lanes.begin_at(slot, flow.lanes.x[slot])
        return done, diverged

    def progress(self, slot: int) -> tuple[int, float]:
        """Still at the beginning."""
        return self.lanes.progress(slot)

    def retire(self, slot: int, spec: FlowSpec) -> Outcome:
        """A lane that has not begun."""
        return self.lanes.outcome(slot, spec)

    def release(self, slot: int) -> None:
        """Nothing is kept here."""

    @property
    def _flow(self) -> Flow:
        """Made when first asked for: it has memory for as many lanes again."""
        if self._mirrored is None:
            lanes = Lanes(self.lanes.capacity, self.lanes.shape, self.lanes.device)
            self._mirrored = Flow(lanes, self.null_label)
        return self._mirrored


def inversion_error(spec: FlowSpec, data: Array) -> float | None:
    """See :attr:`sureflow.core.lane.Sample.inversion_error`."""
    if not isinstance(spec.origin, Inverted):
        return None
    given = spec.origin.data.astype(np.float64)
    error = np.square(data.astype(np.float64) - given).mean()
    return float(np.sqrt(error / max(np.square(given).mean(), TINY)))
