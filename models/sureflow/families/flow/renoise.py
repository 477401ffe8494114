"""A finished sample put to the model again: the process that lanes end in whose score asks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.draw import Purpose, normal
from sureflow.core.path import broadcast
from sureflow.core.process import Outcome, Rows
from sureflow.core.transfer import to_device, to_host
from sureflow.families.flow.lanes import Lanes
from sureflow.families.flow.spec import FlowSpec
from sureflow.moments.reduction import row_sums
from sureflow.networks import Reply

TIMES = (0.1, 0.2, 0.3)
"""Where samples are asked about, each with noise of its own: early, where most is open."""


class Renoise:
    """Asks, in one tick, for the plain velocities at ``x_t = (1 - t) x0' + t x1``.

    ``x1`` is the finished sample and ``x0'`` fresh noise, keyed by the lane and the draw. Guided
    lanes are asked about under their label alone: the velocity that was trained is the one that
    has a variance.

    Args:
        lanes: The lanes, those that have arrived at ``t = 1`` among them.
    """

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Take a lane over that has arrived; it keeps its state."""

    def rows(self, slots: Slots) -> Rows:
        """All draws of the first lane, then those of the next."""
        lanes = self.lanes
        t = torch.tensor(TIMES, device=lanes.device).repeat(len(slots))
        noise, ends = self._noise(slots), self._ends(slots)
        x = broadcast(1 - t, ends) * noise + broadcast(t, ends) * ends
        return Rows(x, t, to_device(np.repeat(lanes.label[slots], len(TIMES)), lanes.device))

    def advance(
        self, slots: Slots, replies: Reply, slopes: Tensor | None = None
    ) -> tuple[Flags, Flags]:
        """Make the score; every lane is done."""
        assert replies.variance is not None
        surprise = self._ends(slots) - self._noise(slots) - replies.mean
        sums = torch.stack([row_sums(surprise.square()), row_sums(replies.variance)])
        squares, traces = to_host(sums).astype(np.float64).reshape(2, len(slots), len(TIMES))
        score = self.lanes.followed.renoised
        assert score is not None
        score.answer(slots, (squares / traces).mean(1))
        self.lanes.evaluations[slots] += len(TIMES)
        return np.ones(len(slots), np.bool_), np.zeros(len(slots), np.bool_)

    def progress(self, slot: int) -> tuple[int, float]:
        """All steps, and the end."""
        return self.lanes.progress(slot)

    def retire(self, slot: int, spec: FlowSpec) -> Outcome:
        """What the lane was before, with its score."""
        return self.lanes.outcome(slot, spec)

    def release(self, slot: int) -> None:
        """Nothing is kept here."""

    def _ends(self, slots: Slots) -> Tensor:
        ends: Tensor = self.lanes.x[self.lanes.index(slots)]
        return ends.repeat_interleave(len(TIMES), 0)

    def _noise(self, slots: Slots) -> Tensor:
        lanes = self.lanes
        drawn = [
            normal(
                lanes.shape, int(lanes.seed[slot]), int(lanes.number[slot]), Purpose.RENOISE, draw
            )
            for slot in slots
            for draw in range(len(TIMES))
        ]
        return torch.stack(drawn).to(lanes.device)
