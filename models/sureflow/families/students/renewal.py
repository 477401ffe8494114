"""The noise between the steps: multi-step consistency sampling.

A step goes straight on from ``x_t``, so at the next time ``s`` it is at ``(1 - s) x0 + s x1``,
where ``x1`` is the predicted sample and ``x0`` the noise that the prediction leaves. All of that
noise is drawn anew, which gives ``x_s = (1 - s) z + s x1`` (Song et al., 2023, algorithm 1). Of a
path that begins with a little of the data in the noise, ``z`` has as much of ``x1`` in it.
"""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Flags, Slots
from sureflow.core.draw import Purpose
from sureflow.core.path import LINEAR
from sureflow.families.flow.control import StepControl
from sureflow.families.flow.lanes import FlowLanes


class Renewal(StepControl):
    """Steps of a fixed grid, with noise of the lane's own seed, index and step between them."""

    def advance(self, lanes: FlowLanes, slots: Slots) -> Flags:
        """Advance the time; where a step follows, draw the noise in the state anew."""
        done = super().advance(lanes, slots)
        for slot in slots[~done].tolist():
            _renew(lanes, slot)
        return done


def _renew(lanes: FlowLanes, slot: int) -> None:
    spec, t = lanes.specs[slot], float(lanes.t[slot])
    fresh = lanes.draw(spec.seed, spec.index, Purpose.STEP, int(lanes.step[slot]))
    _, data = LINEAR.ends(lanes.x[slot], t, lanes.said.velocity[0, slot])
    alone = fresh[None].to(lanes.device), data[None]
    state = LINEAR.interpolate(lanes.begun(np.array([slot]), *alone), alone[1], t)
    lanes.jump(slot, state[0], renewed=True)
