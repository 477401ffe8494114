"""Edits: the operations that act on a lane at every step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.draw import Purpose
from sureflow.core.path import LINEAR
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.measurement import measurement
from sureflow.families.flow.objectives import Objective
from sureflow.families.flow.operations import MAX_INNER, Guide, Inpaint
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import COEFFICIENTS

Draw = Callable[[Purpose, int], Tensor]
"""Noise ``[*shape]`` of an operation, by purpose and number below ``2**32``."""

Pull = Callable[[Tensor], Tensor]
"""The change of a sample that a guide wants."""


def draws(lanes: FlowLanes, spec: FlowSpec, operation: int) -> Draw:
    """The noise of an operation, given by its number among those of its lane."""
    step = operation << 32
    return lambda purpose, number: lanes.draw(spec.seed, spec.index, purpose, step + number).to(
        lanes.device
    )


@dataclass(slots=True)
class _Painting:
    """An inpainted part; its straight path begins at ``noise`` and ends at ``known``."""

    mask: Tensor
    known: Tensor
    noise: Tensor
    inner: int
    draw: Draw

    def imposed(self, x: Tensor, t: float) -> Tensor:
        return torch.where(self.mask, LINEAR.interpolate(self.noise, self.known, t), x)


@dataclass(slots=True)
class _Edit:
    """The edits of one lane; ``repetition`` counts how often its step has been made.

    ``measured`` are those of the ``pulls`` that lead to a measurement.
    """

    paintings: list[_Painting] = field(default_factory=list)
    pulls: list[Pull] = field(default_factory=list)
    measured: list[Pull] = field(default_factory=list)
    repetition: int = 0


class Edits:
    """Inpaints lanes, and guides them toward measurements and up objectives.

    Edited lanes are few, and each is computed by itself, so that its bytes do not depend on the
    others. Lanes without edits cost nothing.
    """

    def __init__(self, lanes: FlowLanes) -> None:
        self._lanes = lanes
        self._of: dict[int, _Edit] = {}

    def admit(self, slot: int) -> None:
        """Start a lane without edits."""
        self._of.pop(slot, None)

    def add(self, slot: int, operation: object, draw: Draw) -> None:
        """Apply an operation to a lane from now on, at every step and after its other edits."""
        lanes, edit = self._lanes, self._of.setdefault(slot, _Edit())
        if isinstance(operation, Inpaint):
            mask = torch.tensor(operation.mask, device=lanes.device)
            known = torch.tensor(operation.known, device=lanes.device)
            noise = (lanes.noise if lanes.jumped[slot] else lanes.start)[slot].clone()
            begin = lanes.toward(slot, noise, known, mask)
            edit.paintings.append(_Painting(mask, known, begin, operation.inner, draw))
        if isinstance(operation, Guide):
            measured = measurement(operation, lanes.device)
            change = (
                partial(gradient, lanes.objective(slot, operation.operator))
                if measured is None
                else measured.missing
            )
            edit.pulls.append(lambda x: operation.strength * change(x))
            if measured is not None:
                edit.measured.append(edit.pulls[-1])

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

    @property
    def any(self) -> bool:
        """Whether any lane has edits."""
        return bool(self._of)

    def active(self, slots: Slots) -> Flags:
        """Which of these lanes have edits."""
        flags = np.zeros(len(slots), np.bool_)
        flags[[place for place, _, _ in self._edited(slots)]] = True
        return flags

    def steer(self, slots: Slots, velocity: Tensor) -> Tensor:
        """The velocities ``[n, *shape]`` of these lanes at their stages, with their guides applied.

        A guide moves the expected end ``x + (1 - t) v``. The move is divided by the time left to
        become a velocity, or by the step where less is left, since none is left at ``t = 1``.
        """
        lanes, pulled = self._lanes, velocity
        for place, slot, edit in self._edited(slots):
            if not edit.pulls:
                continue
            if pulled is velocity:
                pulled = velocity.clone()
            stage, h = int(lanes.stage[slot]), float(lanes.h[slot])
            left = 1 - float(lanes.said.t[stage, slot])
            weights = h * COEFFICIENTS.a[lanes.method[slot], stage]
            x = lanes.window(np.array([slot])).sum(weights[None])[0]
            end = moved = x + left * velocity[place]
            for pull in edit.pulls:
                moved = moved + pull(moved)
            pulled[place] += (moved - end) / (max(left, h) if stage else left)
        return pulled

    def repeat(self, slots: Slots) -> Flags:
        """Move lanes whose complete step is to be made again back to its start; returns which."""
        again = np.zeros(len(slots), np.bool_)
        for place, slot, edit in self._edited(slots):
            if edit.paintings:
                again[place] = edit.repetition + 1 < edit.paintings[-1].inner
                edit.repetition = edit.repetition + 1 if again[place] else 0
                if again[place]:
                    self._renoise_step(slot, edit)
        return again

    def after_step(self, slots: Slots) -> None:
        """Restore the known parts of lanes that have made a step.

        At ``t = 1`` the expected end is the state itself, so measurements move the state.
        """
        for _, slot, edit in self._edited(slots):
            if edit.pulls:
                self._lanes.redirect(slot)
            if edit.measured and self._lanes.t[slot] == 1:
                x = self._lanes.x[slot]
                for pull in edit.measured:
                    x = x + pull(x)
                self._lanes.jump(slot, x)
            self.impose(slot)

    def _edited(self, slots: Slots) -> list[tuple[int, int, _Edit]]:
        """Place, slot and edits of those of these lanes that have any."""
        if not self._of:
            return []
        numbered = enumerate(slots.tolist())
        return [(place, slot, self._of[slot]) for place, slot in numbered if slot in self._of]

    def _renoise_step(self, slot: int, edit: _Edit) -> None:
        """Move a lane back over the step just made, with fresh noise that keeps the marginal law.

        ``x_s = (s / t) x_t + sqrt((1 - s)^2 - (s (1 - t) / t)^2) xi`` for ``s < t``.
        """
        lanes, painting = self._lanes, edit.paintings[-1]
        s, h = float(lanes.t[slot]), float(lanes.h[slot])
        t = 1.0 if h >= 1 - s else s + h
        share = s / t
        spread = math.sqrt((1 - s) ** 2 - (share * (1 - t)) ** 2)
        alone = np.array([slot])
        end = lanes.window(alone).sum(lanes.weights(alone))[0]
        draw = int(lanes.step[slot]) * MAX_INNER + edit.repetition
        x = share * end + spread * painting.draw(Purpose.INPAINT, draw)
        for known in edit.paintings:
            x = known.imposed(x, s)
        lanes.jump(slot, x)


def gradient(objective: Objective, x: Tensor) -> Tensor:
    """Gradient of an objective at ``x [*shape]``; it does not pass through the network."""
    with torch.inference_mode(False), torch.enable_grad():
        point = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(objective(point), point)
    return slope
