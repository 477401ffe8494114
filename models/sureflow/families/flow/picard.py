"""Picard iteration: several future steps of a lane are evaluated in parallel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Integers, Slots
from sureflow.core.path import factors
from sureflow.core.process import Query, Reply
from sureflow.core.score import Evidence, Part
from sureflow.core.transfer import to_device
from sureflow.families.flow.guidance import apply_guidance
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.points import Points
from sureflow.families.flow.process import FlowProcess, on_host
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.stages import READ
from sureflow.moments.reduction import row_sums


class Picard(FlowProcess):
    """Euler's method on a fixed grid, several steps of each lane at a time.

    A lane has guesses of its states at the next points of its grid. One sweep evaluates the
    velocity at all of them and adds up the steps from the last accepted state, which gives new
    states. A step is accepted if the guess at its start, and every guess before, was within the
    lane's tolerance of the new state. The first step starts from an accepted state, so every sweep
    accepts at least one. With tolerance 0 the result has the bits of one step after another, since
    the same operations are made in the same order.

    Shih et al., Parallel Sampling of Diffusion Models (2023), with a window per lane. New points of
    the window are guessed on the straight line from the last new state along its velocity, instead
    of at that state; where the flow is straight, the whole window is accepted at once. For this
    reason the first sweep of a lane is a single evaluation.

    Attributes:
        guesses: States of the next sweep by slot, each ``[points, *shape]``, the accepted state
            first. Only lanes in flight have entries, of the size that they need at the time.
    """

    def __init__(self, lanes: FlowLanes) -> None:
        super().__init__(lanes)
        self._window = np.zeros(lanes.capacity, np.int64)
        self._tolerance = np.zeros(lanes.capacity)
        self.guesses: dict[int, Tensor] = {}

    def admit(self, slot: int, spec: FlowSpec) -> None:
        """Start a lane from its own noise at ``t = 0``."""
        self.lanes.admit(slot, spec)
        self._window[slot] = spec.parallel
        self._tolerance[slot] = spec.parallel_tolerance
        self.guesses[slot] = self.lanes.x[slot : slot + 1].clone()

    def ask(self, slots: Slots) -> list[Query]:
        """All guesses of all lanes, then those of guided lanes once more without condition."""
        lanes, points = self.lanes, self._points(slots)
        owner = slots[points.lane]
        t = lanes.grid[owner, lanes.step[owner] + points.position].astype(np.float32)
        guesses = self._joined(slots)
        doubled = np.flatnonzero(lanes.guidance[owner] != 1)
        return [self.velocity_query(owner, guesses, t, doubled)]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Make one sweep; a lane diverges if the velocity at its accepted state is not finite."""
        lanes, points = self.lanes, self._points(slots)
        owner = slots[points.lane]
        guidance = lanes.guidance[owner]
        velocity, variance = apply_guidance(replies[0], guidance, np.flatnonzero(guidance != 1))
        lanes.evaluations[slots] += points.count * (1 + (lanes.guidance[slots] != 1))

        step = lanes.step[owner] + points.position
        h = factors(lanes.grid[owner, step + 1] - lanes.grid[owner, step], velocity)
        where = to_device(slots, lanes.device)
        states = _sums(lanes.x[where], points.padded(h * velocity))
        maps = _sums(lanes.map[where], points.padded(h * variance))
        guesses = self._joined(slots)
        # The only read of a tick that waits for the device.
        moved = (points.of(states) - guesses).square()
        read = {"rate": variance, "total": velocity, "moved": moved}
        read = {name: row_sums(value) for name, value in read.items()}
        read |= {name: replies[0][name][: len(owner)] for name in READ if name in replies[0]}
        numbers = on_host(read)

        finite = np.isfinite(numbers["rate"]) & np.isfinite(numbers["total"])
        exact = np.sqrt(numbers["moved"] / math.prod(lanes.shape)) <= self._tolerance[owner]
        usable, accepted = points.leading(finite), points.leading(finite & exact)
        kept = points.position < accepted[points.lane]
        lanes.times[owner[kept], step[kept]] = lanes.grid[owner[kept], step[kept]]
        lanes.rates[owner[kept], step[kept]] = numbers["rate"][kept]
        found = {
            "state": guesses,
            "velocity": velocity,
            "variance": variance,
            "trace": numbers["rate"],
            **{name: numbers.get(name, np.zeros(len(owner))) for name in READ},
            "signal": lanes.signal(lanes.grid[owner, step]),
        }
        self._score_steps(slots, points, accepted, found)
        end = torch.arange(len(slots), device=lanes.device), to_device(accepted, lanes.device)
        lanes.x[where], lanes.map[where] = states[end], maps[end]
        lanes.step[slots] += accepted
        lanes.t[slots] = lanes.grid[slots, lanes.step[slots]]
        last = to_device(points.first + usable - 1, lanes.device)
        self._guess(slots, states, velocity[last], accepted, usable)
        done: Flags = lanes.step[slots] >= lanes.steps[slots]
        return done, usable == 0

    def release(self, slot: int) -> None:
        """Free the memory of a lane's guesses."""
        del self.guesses[slot]

    def _points(self, slots: Slots) -> Points:
        return Points(np.array([len(self.guesses[slot]) for slot in slots.tolist()]))

    def _joined(self, slots: Slots) -> Tensor:
        return torch.cat([self.guesses[slot] for slot in slots.tolist()])

    def _score_steps(
        self, slots: Slots, points: Points, accepted: Integers, found: Mapping[str, Any]
    ) -> None:
        """Pass the accepted steps to the scores: the first of all lanes, then the second, ..."""
        lanes = self.lanes
        for place in range(int(accepted.max(initial=0))):
            chosen = np.flatnonzero(accepted > place)
            owner = slots[chosen]
            t = lanes.grid[owner, lanes.step[owner] + place]
            h = lanes.grid[owner, lanes.step[owner] + place + 1] - t
            evidence = _rows_of(found, points.first[chosen] + place)
            lanes.scoring.begin(owner, t, h, evidence)
            lanes.scoring.add(owner, t, h, evidence)

    def _guess(
        self, slots: Slots, states: Tensor, velocity: Tensor, accepted: Integers, usable: Integers
    ) -> None:
        """Guess the states of the next sweep.

        ``states [n, points + 1, *shape]`` are the new ones from the last accepted state on, with
        the positions of the newly ``accepted`` one and of the last ``usable`` one, where the
        ``velocity`` is.
        """
        lanes = self.lanes
        step = lanes.step[slots]
        count = np.where(usable > 0, np.minimum(self._window[slots], lanes.steps[slots] - step), 0)
        points = Points(count)
        lane, place = points.lane, points.position
        source = np.minimum(accepted[lane] + place, usable[lane])
        guesses = states[to_device(lane, lanes.device), to_device(source, lanes.device)]

        known = usable - accepted
        beyond = np.flatnonzero(place > known[lane])
        if len(beyond):
            lane, place = lane[beyond], place[beyond]
            owner, first = slots[lane], step[lane]
            gap = lanes.grid[owner, first + place] - lanes.grid[owner, first + known[lane]]
            line = factors(gap, velocity) * velocity[to_device(lane, lanes.device)]
            guesses[to_device(beyond, lanes.device)] += line
        parts = torch.split(guesses, count.tolist())
        self.guesses.update(zip(slots.tolist(), parts, strict=True))


def _sums(start: Tensor, moves: Tensor) -> Tensor:
    """``start [n, *shape]`` and its sums with the moves so far, ``[n, moves + 1, *shape]``.

    The additions are made one after another, as in a lane that makes one step at a time. The prefix
    sum of a library may group them in another way.
    """
    states = [start]
    for move in moves.unbind(1):
        states.append(states[-1] + move)
    return torch.stack(states, 1)


def _rows_of(found: Mapping[str, Any], rows: Integers) -> Callable[[Part, Slots], Evidence]:
    """Evidence of lanes, from the rows of their points."""
    return lambda part, slots: lambda name: found[name][rows[part]]
