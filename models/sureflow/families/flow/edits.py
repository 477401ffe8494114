"""Edits: the operations that act on a lane at every step."""

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
from sureflow.families.flow.objectives import find
from sureflow.families.flow.operations import MAX_INNER, Guide, Inpaint
from sureflow.families.flow.tableau import COEFFICIENTS


@dataclass(frozen=True, slots=True)
class DrawKey:
    """Coordinates of the draws of an operation: seed and index of its lane, and its number."""

    seed: int
    index: int
    number: int

    def of(self, purpose: Purpose, draw: int = 0) -> tuple[int, int, Purpose, int]:
        """Arguments of :func:`~sureflow.core.draw.normal`, ``draw < 2**32``."""
        return self.seed, self.index, purpose, (self.number << 32) + draw


@dataclass(slots=True)
class _Painting:
    """An inpainted part; its straight path begins at ``noise`` and ends at ``known``."""

    operation: Inpaint
    key: DrawKey
    mask: Tensor
    known: Tensor
    noise: Tensor

    def imposed(self, x: Tensor, t: float) -> Tensor:
        return torch.where(self.mask, LINEAR.interpolate(self.noise, self.known, t), x)


@dataclass(slots=True)
class _Edit:
    """The edits of one lane; ``repetition`` counts how often its step has been made."""

    paintings: list[_Painting] = field(default_factory=list)
    pulls: list[Callable[[Tensor], Tensor]] = field(default_factory=list)
    measured: list[tuple[Measurement, Guide]] = field(default_factory=list)
    repetition: int = 0


class Edits:
    """Inpaints lanes, and guides them toward measurements and up objectives.

    Edited lanes are few, and each is computed by itself, so that its bytes do not depend on the
    others. Lanes without edits cost nothing.

    Args:
        lanes: The lanes in flight.
    """

    def __init__(self, lanes: FlowLanes) -> None:
        self._lanes = lanes
        self._of: dict[int, _Edit] = {}

    def admit(self, slot: int) -> None:
        """Start a lane without edits."""
        self._of.pop(slot, None)

    def add(self, slot: int, operation: object, key: DrawKey) -> None:
        """Apply an operation to a lane from now on, at every step and after its other edits."""
        lanes, edit = self._lanes, self._of.setdefault(slot, _Edit())
        if isinstance(operation, Inpaint):
            mask = torch.tensor(operation.mask, device=lanes.device)
            known = torch.tensor(operation.known, device=lanes.device)
            noise = (lanes.noise if lanes.jumped[slot] else lanes.start)[slot].clone()
            edit.paintings.append(_Painting(operation, key, mask, known, noise))
        if isinstance(operation, Guide):
            measured = measurement(operation, lanes.device)
            if measured is None:
                edit.pulls.append(
                    lambda end: operation.strength * gradient(operation.operator, end)
                )
            else:
                edit.pulls.append(lambda end: operation.strength * measured.missing(end))
                edit.measured.append((measured, operation))

    def impose(self, slot: int) -> None:
        """Set the known parts of a lane to their values on the path at the lane's time."""
        lanes, edit = self._lanes, self._of.get(slot)
        if edit is None or not edit.paintings:
            return
        x, t = lanes.x[slot], float(lanes.t[slot])
        for painting in edit.paintings:
            x = painting.imposed(x, t)
        lanes.jump(slot, x)
        lanes.history_from[slot] = lanes.step[slot]

    def active(self, slots: Slots) -> Flags:
        """Which of these lanes have edits."""
        if not self._of:
            return np.zeros(len(slots), np.bool_)
        return np.array([slot in self._of for slot in slots.tolist()], np.bool_)

    def steer(self, slots: Slots, velocity: Tensor) -> Tensor:
        """The velocities ``[n, *shape]`` of these lanes at their stages, with their guides applied.

        A guide moves the expected end ``x + (1 - t) v``. The move is divided by the time left to
        become a velocity, or by the step where less is left, since none is left at ``t = 1``.
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
        """Move lanes whose complete step is to be made again back to its start; returns which."""
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
                self._renoise_step(slot, edit)
            else:
                edit.repetition = 0
        return again

    def after_step(self, slots: Slots) -> None:
        """Restore the known parts of lanes that have made a step.

        At ``t = 1`` the expected end is the state itself, so measurements move the state.
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

    def _renoise_step(self, slot: int, edit: _Edit) -> None:
        """Move a lane back over the step just made, with fresh noise that keeps the marginal law.

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


def gradient(name: str, x: Tensor) -> Tensor:
    """Gradient of an objective at ``x [*shape]``; it does not pass through the network."""
    objective = find(name)
    assert objective is not None
    with torch.inference_mode(False), torch.enable_grad():
        point = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(objective(point), point)
    return slope
