"""Renoising: the phase in which the model is asked about the finished sample, for a score."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.core.draw import Purpose
from sureflow.core.path import LINEAR
from sureflow.core.process import Query, Reply
from sureflow.core.transfer import to_device, to_host
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.process import FlowProcess
from sureflow.families.flow.scores.catalogue import RENOISED
from sureflow.moments.reduction import row_sums

TIMES = (0.1, 0.2, 0.3)
"""Times at which the model is asked about a sample, each with its own noise. They are early, where
most of the variance remains."""


class Renoise(FlowProcess):
    """Asks, in one tick, for the unguided velocities at ``x_t = (1 - t) x0' + t x1``.

    ``x1`` is the finished sample and ``x0'`` is fresh noise, keyed by the lane and the draw, with
    as much of the sample in it as the path begins with. Guided lanes are asked about without
    guidance, since the variance was trained for the plain velocity.
    """

    def __init__(self, lanes: FlowLanes, times: Sequence[float] = TIMES) -> None:
        super().__init__(lanes)
        self.times = tuple(times)
        self._asked: tuple[Tensor, Tensor]

    def ask(self, slots: Slots) -> list[Query]:
        """The rows of all draws of the first lane, then those of the next."""
        lanes, self._asked = self.lanes, self._ends(slots)
        t = np.array(self.times * len(slots), np.float32)
        x = LINEAR.interpolate(*self._asked, to_device(t, lanes.device))
        owner = np.repeat(slots, len(self.times))
        return [self.velocity_query(owner, x, t, np.zeros(0, np.int64))]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Pass the evidence to the score; every lane is done."""
        lanes, reply = self.lanes, replies[0]
        noise, ends = self._asked
        squares = (ends - noise - reply["velocity"]).square()
        found = self.evidence(squares, reply["variance"])
        lanes.scoring.observe(RENOISED, slots, lanes.t[slots], found)
        lanes.evaluations[slots] += len(self.times)
        return np.ones(len(slots), np.bool_), np.zeros(len(slots), np.bool_)

    def evidence(self, squares: Tensor, variance: Tensor) -> dict[str, Floats]:
        """What the scores read of the rows of all draws, each ``[n * draws, *shape]``: ``[n]``.

        Without a variance of its own a model is measured in units of that of the noise.
        """
        read = [squares, variance] if self.lanes.has_variance else [squares]
        sums = to_host(row_sums(torch.cat(read))).astype(np.float64)
        total, *measured = sums.reshape(len(read), -1, len(self.times))
        traces = measured[0] if measured else math.prod(self.lanes.shape)
        return {RENOISED: (total / traces).mean(1)}

    def _ends(self, slots: Slots) -> tuple[Tensor, Tensor]:
        """Where the path of every draw of each lane begins, and its finished sample."""
        lanes, specs = self.lanes, [self.lanes.specs[slot] for slot in slots.tolist()]
        noise = [
            lanes.draw(spec.seed, spec.index, Purpose.RENOISE, draw)
            for spec in specs
            for draw in range(len(self.times))
        ]
        x = lanes.x[lanes.index(slots)]
        ends = x[:, None].expand(-1, len(self.times), *lanes.shape).flatten(0, 1)
        owner = np.repeat(slots, len(self.times))
        return lanes.begun(owner, torch.stack(noise).to(lanes.device), ends), ends
