"""The phase in which a student is asked about its finished samples again, for its scores."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Integers, Slots
from sureflow.core.draw import Purpose
from sureflow.core.path import LINEAR
from sureflow.core.process import Query, Reply
from sureflow.core.transfer import to_device, to_host
from sureflow.families.flow.renoise import Renoise
from sureflow.families.flow.scores.catalogue import RENOISED
from sureflow.families.students.scores.catalogue import DRAWS, RENOISE_SPREAD, SELF_CONSISTENCY
from sureflow.moments.reduction import row_sums

HALFWAY = 0.5
"""Time to which finished samples are renoised."""


class Reconsider(Renoise):
    """Asks, in one tick, where trajectories through points near a finished sample end.

    One point is on the lane's own last step, halfway through it. For the score ``renoise_spread``
    further ones are halfway between fresh noise and the sample. A consistent student answers with
    the sample at all of them. Guided lanes are asked without guidance.
    """

    _times: Floats
    _counts: Integers

    def ask(self, slots: Slots) -> list[Query]:
        """The rows of all points of the first lane, then those of the next."""
        lanes, t, noise = self.lanes, [], []
        for slot in slots.tolist():
            spec = lanes.specs[slot]
            draws = DRAWS if RENOISE_SPREAD in spec.scores else 0
            own = lanes.x[slot] - lanes.said.velocity[0, slot]
            noise += [own, *(self._fresh(slot, draw) for draw in range(draws))]
            last = float(lanes.times[slot, lanes.step[slot] - 1])
            t.append(np.array([(1 + last) / 2, *[HALFWAY] * draws]))
        self._times, self._counts = np.concatenate(t), np.array([len(each) for each in t])
        owner = np.repeat(slots, self._counts)
        self._asked = torch.stack(noise), lanes.x[lanes.index(owner)]
        times = self._times.astype(np.float32)
        x = LINEAR.interpolate(*self._asked, to_device(times, lanes.device))
        return [self.velocity_query(owner, x, times, np.zeros(0, np.int64))]

    def _fresh(self, slot: int, draw: int) -> Tensor:
        """Where a path from fresh noise to the finished sample begins, ``[*shape]``."""
        lanes, spec = self.lanes, self.lanes.specs[slot]
        noise = lanes.draw(spec.seed, spec.index, Purpose.RENOISE, draw).to(lanes.device)
        return lanes.begun(np.array([slot]), noise[None], lanes.x[slot][None])[0]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Pass the distances of the answers from the sample to the scores; every lane is done."""
        lanes, (noise, ends) = self.lanes, self._asked
        squares: Tensor = (ends - noise - replies[0]["velocity"]).square()
        apart = to_host(row_sums(squares.double())) * (1 - self._times) ** 2
        of_lane = np.split(apart, np.cumsum(self._counts)[:-1])
        found = {
            SELF_CONSISTENCY: np.sqrt([own[0] for own in of_lane]),
            RENOISE_SPREAD: np.sqrt([own[1:].mean() if len(own) > 1 else 0 for own in of_lane]),
        }
        lanes.scoring.observe(RENOISED, slots, lanes.t[slots], found)
        lanes.evaluations[slots] += self._counts
        return np.ones(len(slots), np.bool_), np.zeros(len(slots), np.bool_)
