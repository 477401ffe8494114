"""Lanes that move along a path: their states, on the device, and what a path is evidence of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Index, Integers, Slots
from sureflow.core.draw import Purpose, normal
from sureflow.core.fields import Field
from sureflow.core.path import LINEAR, Time, broadcast, factors
from sureflow.core.score import Evidence, Part
from sureflow.core.transfer import to_device
from sureflow.families.flow.grid import Grid
from sureflow.families.flow.multistep import exponential
from sureflow.families.flow.stages import EARLIER, PREVIOUS, Stages
from sureflow.families.flow.stepped_lanes import SLIVER, SteppedLanes
from sureflow.families.flow.tableau import COEFFICIENTS
from sureflow.families.flow.traits import Traits
from sureflow.families.flow.window import Window


class MovingLanes(SteppedLanes):
    """Lanes with a state each.

    A frame includes the noise only where the seed does not determine it. It includes stages of
    previous steps only for a multistep lane; any other lane evaluates its first stage again, with
    the same bits.

    Attributes:
        shape: Shape of the states.
        x: State at the start of the current step, ``[capacity, *shape]``, on the device.
        map: ``int Sigma dt`` per component from 0 to the current step, ``[capacity, *shape]``.
            ``path`` holds both ``x`` and ``map``.
        start: State from which the velocities along the path add up to ``x``: the state at
            ``t = 0``, moved by the jumps of the lane.
        noise: Actual state at ``t = 0`` of lanes that have ``jumped``.
        said: What the network said at the stages of the current step.
        scorers: By name, what reads finished samples ``[n, *shape]``, ``[n]``.
    """

    def __init__(
        self,
        capacity: int,
        shape: tuple[int, ...],
        device: torch.device,
        fitted: Grid | None = None,
    ) -> None:
        super().__init__(capacity, device, fitted)
        self.shape = shape
        # One array, so that a step of both is one sum.
        self.path = torch.zeros(2, capacity, *shape, device=device)
        self.x, self.map = self.path
        self.add("x", Field(shape), self.x)
        self.add("map", Field(shape), self.map)
        self.start = self.tensor(
            "start", *shape, kept=lambda slot: self.specs[slot].origin is not None
        )
        self.noise = self.tensor("noise", *shape, kept=lambda slot: bool(self.jumped[slot]))
        self.jumped = self.flag("jumped")
        self.said = Stages(capacity, shape, device)
        for name, array in (*self.said.evidence.items(), ("t", self.said.t)):
            of_lane, dtype = (shape, "f4") if isinstance(array, Tensor) else ((), "f8")
            field = Field(of_lane, dtype, kept=self._is_multistep)
            self.add(f"previous.{name}", field, array[PREVIOUS])
            field = Field(of_lane, dtype, kept=self._is_corrected)
            self.add(f"earlier.{name}", field, array[EARLIER])
        self.scorers: Mapping[str, Callable[[Tensor], Tensor]] = {}
        self._window: Window | None = None

    def _is_multistep(self, slot: int) -> bool:
        return bool(self.in_multistep(np.array([slot]))[0])

    def _is_corrected(self, slot: int) -> bool:
        alone = np.array([slot])
        return bool((self.corrected(alone) & self.has_longer_history(alone))[0])

    def is_exponential(self, slots: Slots) -> Flags:
        """Which of these lanes extrapolate the expected data."""
        return self.traits(slots).exponential

    def corrected(self, slots: Slots) -> Flags:
        """Which of these lanes correct the step before."""
        found: Flags = COEFFICIENTS.corrected[self.method[slots]] & self.is_exponential(slots)
        return found

    def level(self, t: Floats) -> Floats:
        """``log(signal / noise)`` at times ``[n]``, infinite at the ends."""
        with np.errstate(divide="ignore"):
            level: Floats = np.log(t) - np.log1p(-t)
        return level

    def weights(self, slots: Slots) -> Floats:
        """Weights of the stages in each lane's step, ``[n, STAGES]``."""
        weights = super().weights(slots)
        if self.traits(slots).some_exponential:
            chosen = self.in_multistep(slots) & self.is_exponential(slots)
            if len(these := slots[chosen]):
                said, now = self.said.t, self.t[these]
                end = now + self.h[these]
                end[end > 1 - SLIVER] = 1
                times = np.stack([said[EARLIER, these], said[PREVIOUS, these], now, end], 1)
                twice = self.has_longer_history(these)
                times[~twice, 0] = times[~twice, 1]
                weights[chosen, :3] = exponential(
                    times, self.level(times), self.corrected(these), twice
                )
        return weights

    def together(self, slots: Slots) -> Traits:
        """The traits of lanes that run together; see :meth:`window`, which is kept as well."""
        traits = super().together(slots)
        self._window = self.window(slots)
        return traits

    def window(self, slots: Slots) -> Window:
        """The states and stages of some lanes."""
        known = self._window
        if known is not None and known.slots is slots:
            return known
        return Window(self.path, self.said, slots, self.traits(slots).where)

    def copy_stage(self, slots: Slots, source: int, target: int) -> None:
        """Copy one stage of these lanes to another one."""
        if len(slots):
            self.said.copy(slots, self.index(slots), source, target)

    def draw(self, seed: int, index: int, purpose: Purpose, step: int = 0) -> Tensor:
        """Noise ``[*shape]`` at these coordinates, in host memory."""
        return normal(self.shape, seed, index, purpose, step)

    def renewed(self, noise: Tensor, fresh: Tensor, strength: float) -> Tensor:
        """Noise, a part of which is drawn anew by fresh noise, with the same law as before."""
        return math.sqrt(1 - strength**2) * noise + strength * fresh

    def toward(self, slot: int, noise: Tensor, known: Tensor, mask: Tensor) -> Tensor:
        """The start ``[*shape]`` from which straight paths of masked components go to known values.

        By default the noise itself.
        """
        return noise

    def begun(self, owner: Slots, noise: Tensor, data: Tensor) -> Tensor:
        """States at ``t = 0`` of the paths from noise to data, of these lanes: the noise itself.

        Noise and data have a row for each lane of ``owner``, ``[n, *shape]``.
        """
        return noise

    def noise_in(self, start: Tensor, data: Tensor) -> Tensor:
        """The noise of a path that begins with this state; the inverse of :meth:`begun`."""
        return start

    def slope(self, x: Tensor, t: Time, velocity: Tensor) -> Tensor:
        """``grad log p_t`` at states of lanes, from the velocities there."""
        return LINEAR.score(x, t, velocity)

    def signal(self, t: Floats) -> Floats:
        """Factor of the data over the variance of the noise at ``t = 0``, and its rise: ``[n, 2]``.

        For times ``[n]``; the rise is that of the factor alone.
        """
        return np.stack([t, np.ones_like(t)], 1)

    def path_time(self, t: Floats) -> Floats:
        """Time on the path from noise to data, at times of the lanes ``[n]``."""
        return t

    def stage_evidence(self, stage: int) -> Callable[[Part, Slots], Evidence]:
        """Evidence of a stage; of the first one, also the state."""

        def found(name: str, slots: Slots) -> Any:
            if name == "state":
                return self.x[self.index(slots)]
            if name == "signal":
                return self.signal(self.path_time(self.said.t[stage, slots]))
            if name == "slope":
                where = self.index(slots)
                t = to_device(self.said.t[stage, slots].astype(np.float32), self.device)
                return self.slope(self.x[where], t, self.said.velocity[stage, where])
            array = self.said.evidence[name]
            return array[stage, self.index(slots) if isinstance(array, Tensor) else slots]

        return lambda part, slots: lambda name: found(name, slots)

    def ending_evidence(self, slots: Slots, end: Tensor) -> Evidence:
        """Evidence of lanes that end at ``end [n, *shape]``, for the values of their scores.

        ``elapsed`` is the time that each lane has run, 1 at ``t = 0``, shaped to divide samples.
        """
        where = self.index(slots)

        def elapsed() -> Tensor:
            t = self.t[slots]
            return factors(np.where(t > 0, t, 1), self.x)

        known: dict[str, Callable[[], Any]] = {
            "end": lambda: end,
            "t": lambda: self.t[slots],
            "elapsed": elapsed,
            "state": lambda: self.x[where],
            "start": lambda: self.start[where],
            "noise": lambda: self._noise(slots, where),
            "map": lambda: self.map[where],
        }
        known |= {name: partial(_rows, scorer, end) for name, scorer in self.scorers.items()}
        # The scores of a lane ask for the same.
        return cache(lambda name: known[name]())

    def _noise(self, slots: Slots, where: Index) -> Tensor:
        jumped = self.jumped[slots]
        if not jumped.any():
            return self.start[where]
        chosen = broadcast(to_device(jumped, self.device), self.x)
        return torch.where(chosen, self.noise[where], self.start[where])

    def last_stages(self, slots: Slots) -> Integers:
        """The stage that was evaluated last, of lanes between two steps."""
        traits = self.traits(slots)
        last: Integers = np.where(traits.multistep, PREVIOUS, traits.plain_stages - 1)
        return last

    def predicted(self, slots: Slots, stages: Integers) -> Tensor:
        """Ends ``x + (1 - t) v`` by the velocities at these stages, ``[n, *shape]``."""
        place = to_device(stages, self.device), to_device(slots, self.device)
        velocity: Tensor = self.said.velocity[place]
        end: Tensor = self.x[self.index(slots)] + factors(1 - self.t[slots], self.x) * velocity
        return end


def _rows(scorer: Callable[[Tensor], Tensor], end: Tensor) -> Tensor:
    """Readings ``[n]``, each computed by itself: its bits must not depend on the others."""
    return torch.cat([scorer(end[n : n + 1]) for n in range(len(end))])
