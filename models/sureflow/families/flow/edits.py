"""What is done to lanes at every step: the operations that last."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.draw import Purpose, normal
from sureflow.core.path import LINEAR
from sureflow.families.flow.combine import combine
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.measurement import Measurement, measurement
from sureflow.families.flow.objectives import gradient
from sureflow.families.flow.operations import MAX_INNER, Guide, Inpaint
from sureflow.families.flow.tableau import COEFFICIENTS


@dataclass(frozen=True, slots=True)
class Key:
    """Coordinates of the draws of an operation: the lane that asked for it, and its number."""

    seed: int
    index: int
    number: int

    def of(self, purpose: Purpose, draw: int = 0) -> tuple[int, int, Purpose, int]:
        """Arguments of :func:`~sureflow.core.draw.normal`, ``draw < 2**32``."""
        return self.seed, self.index, purpose, (self.number << 32) + draw


@dataclass(slots=True)
class _Painting:
    """A known part, ``noise`` being where its straight path begins."""

    operation: Inpaint
    key: Key
    mask: Tensor
    known: Tensor
    noise: Tensor

    def imposed(self, x: Tensor, t: float) -> Tensor:
        return torch.where(self.mask, LINEAR.interpolate(self.noise, self.known, t), x)


@dataclass(slots=True)
class _Edit:
    """All that lasts of one lane; ``repetition`` counts how often its step has been made."""

    paintings: list[_Painting] = field(default_factory=list)
    pulls: list[Callable[[Tensor], Tensor]] = field(default_factory=list)
    measured: list[tuple[Measurement, Guide]] = field(default_factory=list)
    repetition: int = 0


class Edits:
    """Holds lanes to known values, and pulls them toward measurements and up objectives.

    They are few, and each is dealt with by itself, so that its numbers are its own. The others
    cost nothing.

    Args:
        lanes: The lanes in flight.
    """

    def __init__(self, lanes: FlowLanes) -> None:
        self._lanes = lanes
        self._of: dict[int, _Edit] = {}

    def admit(self, slot: int) -> None:
        """Nothing is done to the lane that has just been put into a slot."""
        self._of.pop(slot, None)

    def hold(self, slot: int, operation: object, key: Key) -> None:
        """From here on do this to a lane, at every step and after what is done to it already."""
        lanes, edit = self._lanes, self._of.setdefault(slot, _Edit())
        if isinstance(operation, Inpaint):
            mask = torch.tensor(operation.mask, device=lanes.device)
            known = torch.tensor(operation.known, device=lanes.device)
            noise = (lanes.noise if lanes.jumped[slot] else lanes.start)[slot].clone()
            edit.paintings.append(_Painting(operation, key, mask, known, noise))
        if isinstance(operation, Guide):
            measured = measurement(operation, lanes.shape, lanes.device)
            if measured is None:
                edit.pulls.append(
                    lambda end: operation.strength * gradient(operation.operator, end)
                )
            else:
                edit.pulls.append(lambda end: operation.strength * measured.missing(end))
                edit.measured.append((measured, operation))

    def impose(self, slot: int) -> None:
        """Put the known part of a lane where it belongs at its time."""
        lanes, edit = self._lanes, self._of.get(slot)
        if edit is None or not edit.paintings:
            return
        x, t = lanes.x[slot], float(lanes.t[slot])
        for painting in edit.paintings:
            x = painting.imposed(x, t)
        lanes.jump(slot, x)
        lanes.since[slot] = lanes.step[slot]

    def steered(self, slots: Slots) -> Flags:
        """Which of these lanes anything is done to."""
        if not self._of:
            return np.zeros(len(slots), np.bool_)
        return np.array([slot in self._of for slot in slots.tolist()], np.bool_)

    def steer(self, slots: Slots, velocity: Tensor) -> Tensor:
        """The velocities ``[n, *shape]`` of these lanes at their stages, pulled where they are.

        A pull moves the expected end ``x + (1 - t) v``. Its share per time is that of what is left,
        or of the step where less is left: at ``t = 1`` nothing is.
        """
        if not self._of:
            return velocity
        lanes, pulled = self._lanes, velocity
        for place, slot in enumerate(slots.tolist()):
            edit = self._of.get(slot)
            if edit is None or not edit.pulls:
                continue
            if pulled is velocity:
                pulled = velocity.clone()
            stage, h = int(lanes.stage[slot]), float(lanes.h[slot])
            left = 1 - float(lanes.stage_t[stage, slot])
            weights = h * COEFFICIENTS.a[lanes.method[slot], stage]
            x = combine(lanes.x, lanes.k, slice(slot, slot + 1), weights[None])[0]
            end = moved = x + left * velocity[place]
            for pull in edit.pulls:
                moved = moved + pull(moved)
            pulled[place] += (moved - end) / (max(left, h) if stage else left)
        return pulled

    def repeat(self, slots: Slots) -> Flags:
        """Take lanes back whose step, complete now, is to be made again; returns which."""
        again = np.zeros(len(slots), np.bool_)
        if not self._of:
            return again
        for place, slot in enumerate(slots.tolist()):
            edit = self._of.get(slot)
            if edit is None or not edit.paintings:
                continue
            edit.repetition += 1
            again[place] = edit.repetition < edit.paintings[-1].operation.inner
            if again[place]:
                self._take_back(slot, edit)
            else:
                edit.repetition = 0
        return again

    def arrive(self, slots: Slots) -> None:
        """These lanes have made a step: what is known of them holds again.

        At the very end the expected end is the state, which is then itself moved by measurements.
        """
        if not self._of:
            return
        for slot in slots.tolist():
            edit = self._of.get(slot)
            if edit is None:
                continue
            if edit.pulls:
                self._lanes.redirect(slot)
            if edit.measured and self._lanes.t[slot] == 1:
                x = self._lanes.x[slot]
                for measured, operation in edit.measured:
                    x = x + operation.strength * measured.missing(x)
                self._lanes.jump(slot, x)
            self.impose(slot)

    def _take_back(self, slot: int, edit: _Edit) -> None:
        """Back over the step just made, by fresh noise that keeps the marginal law.

        ``x_s = (s / t) x_t + sqrt((1 - s)^2 - (s (1 - t) / t)^2) xi`` for ``s < t``.
        """
        lanes, painting = self._lanes, edit.paintings[-1]
        s, h = float(lanes.t[slot]), float(lanes.h[slot])
        t = 1.0 if h >= 1 - s else s + h
        share = s / t
        spread = math.sqrt((1 - s) ** 2 - (share * (1 - t)) ** 2)
        where, alone = slice(slot, slot + 1), np.array([slot])
        end = combine(lanes.x, lanes.k, where, lanes.weights(alone))[0]
        draw = int(lanes.step[slot]) * MAX_INNER + edit.repetition
        fresh = normal(lanes.shape, *painting.key.of(Purpose.INPAINT, draw)).to(lanes.device)
        x = share * end + spread * fresh
        for known in edit.paintings:
            x = known.imposed(x, s)
        lanes.jump(slot, x)
