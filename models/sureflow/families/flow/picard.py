"""Parallel in time: a lane's future steps evaluated beside its next one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Index, Integers, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.path import broadcast
from sureflow.core.process import Outcome, Query, Reply
from sureflow.core.score import Evidence, Part
from sureflow.core.transfer import to_device, to_host
from sureflow.families.flow.guidance import guide
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.points import Points
from sureflow.families.flow.rows import velocity_query
from sureflow.families.flow.spec import FlowSpec
from sureflow.moments.reduction import row_sums


class Picard:
    """Euler's method on a fixed grid, several steps of each lane at a time.

    A lane keeps guesses of its states at the next points of its grid. One sweep evaluates the
    velocity at all of them and adds the steps up from the last accepted state, which gives new
    states. A step is accepted if the guess at its start, and every one before, was within the
    lane's tolerance of the new state; the first step starts from an accepted state, so that every
    sweep accepts at least one. With tolerance 0 the result is that of one step after another, bit
    for bit, as the same operations are made in the same order.

    Shih et al., Parallel Sampling of Diffusion Models (2023), with a window that every lane
    moves at its own pace. Points without a guess get one on the straight line from the last new
    state along its velocity rather than that state itself: where the flow is straight all of a
    window is accepted at once. For the same reason a lane's first sweep is a single evaluation.

    Args:
        lanes: Where the state and what is gathered on the way are kept; shared with the process
            that makes one step at a time.

    Attributes:
        guesses: States of the next sweep by slot, each ``[points, *shape]`` with the accepted one
            first. FlowLanes in flight alone have memory here, as much as they need at the time.
    """

    def __init__(self, lanes: FlowLanes) -> None:
        self.lanes = lanes
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
        """Every guess of every lane, then once more without condition for guided lanes."""
        lanes, points = self.lanes, self._points(slots)
        owner = slots[points.lane]
        t = lanes.grid[owner, lanes.step[owner] + points.place].astype(np.float32)
        guesses = self._joined(slots)
        doubled = np.flatnonzero(lanes.guidance[owner] != 1)
        return [velocity_query(lanes, owner, guesses, t, doubled)]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """One sweep; a lane diverges when the velocity at its accepted state is not finite."""
        lanes, points = self.lanes, self._points(slots)
        owner = slots[points.lane]
        guidance = lanes.guidance[owner]
        velocity, variance = guide(replies[0], guidance, np.flatnonzero(guidance != 1))
        lanes.evaluations[slots] += points.count * (1 + (lanes.guidance[slots] != 1))

        step = lanes.step[owner] + points.place
        h = _weights(lanes.grid[owner, step + 1] - lanes.grid[owner, step], velocity)
        where = to_device(slots, lanes.device)
        states = _sums(lanes.x[where], points.spread(h * velocity))
        maps = _sums(lanes.map[where], points.spread(h * variance))
        moved = (points.of(states) - self._joined(slots)).square()
        # the one read per tick that waits for the device
        read = [row_sums(variance), row_sums(velocity), row_sums(moved)]
        if "reading" in replies[0]:
            read.append(replies[0]["reading"][: points.count.sum()])
        numbers = to_host(torch.cat(read)).astype(np.float64)
        rate, total, change, *reading = np.split(numbers, len(read))

        finite = np.isfinite(rate) & np.isfinite(total)
        exact = np.sqrt(change / math.prod(lanes.shape)) <= self._tolerance[owner]
        usable, accepted = points.leading(finite), points.leading(finite & exact)
        kept = points.place < accepted[points.lane]
        self._note(owner[kept], step[kept], rate[kept])
        read_off = reading[0] if reading else np.zeros_like(rate)
        self._follow(slots, points, accepted, velocity, variance, rate, read_off)
        end = torch.arange(len(slots), device=lanes.device), to_device(accepted, lanes.device)
        lanes.x[where], lanes.map[where] = states[end], maps[end]
        lanes.step[slots] += accepted
        lanes.t[slots] = lanes.grid[slots, lanes.step[slots]]
        last = to_device(points.first + usable - 1, lanes.device)
        self._guess(slots, states, velocity[last], accepted, usable)
        done: Flags = lanes.step[slots] >= lanes.steps[slots]
        return done, usable == 0

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """The last accepted state, with what was gathered on the way."""
        return self.lanes.outcome(slot, spec)

    def release(self, slot: int) -> None:
        """Give back the memory of the guesses."""
        del self.guesses[slot]

    def _points(self, slots: Slots) -> Points:
        return Points(np.array([len(self.guesses[slot]) for slot in slots.tolist()]))

    def _joined(self, slots: Slots) -> Tensor:
        return torch.cat([self.guesses[slot] for slot in slots.tolist()])

    def _note(self, slots: Slots, steps: Integers, rates: Floats) -> None:
        """Note where accepted steps began and how large the variance was there."""
        lanes = self.lanes
        lanes.times[slots, steps] = lanes.grid[slots, steps]
        lanes.rates[slots, steps] = rates

    def _follow(
        self,
        slots: Slots,
        points: Points,
        accepted: Integers,
        velocity: Tensor,
        variance: Tensor,
        rate: Floats,
        reading: Floats,
    ) -> None:
        """Hand the accepted steps to the scores, the first of every lane first, and so on."""
        lanes, guesses = self.lanes, self._joined(slots)
        for place in range(int(accepted.max(initial=0))):
            chosen = np.flatnonzero(accepted > place)
            owner, rows = slots[chosen], points.first[chosen] + place
            t = lanes.grid[owner, lanes.step[owner] + place]
            h = lanes.grid[owner, lanes.step[owner] + place + 1] - t
            found: dict[str, Tensor | Floats] = {
                "state": guesses,
                "velocity": velocity,
                "variance": variance,
                "trace": rate,
                "reading": reading,
            }
            evidence = _rows_of(found, rows)
            lanes.scoring.begin(owner, t, h, evidence)
            lanes.scoring.add(owner, t, h, evidence)

    def _guess(
        self, slots: Slots, states: Tensor, velocity: Tensor, accepted: Integers, usable: Integers
    ) -> None:
        """Guess the states of the next sweep.

        Args:
            slots: The lanes, ``[n]``.
            states: New states from the last base on, ``[n, points + 1, *shape]``.
            velocity: At the last point that is of use, ``[n, *shape]``.
            accepted: Position of the new base among the states, ``[n]``.
            usable: Position of the last state that is of use, ``[n]``.
        """
        lanes = self.lanes
        step = lanes.step[slots]
        room = np.where(usable > 0, np.minimum(self._window[slots], lanes.steps[slots] - step), 0)
        points = Points(room)
        lane, place = points.lane, points.place
        source = np.minimum(accepted[lane] + place, usable[lane])
        guesses = states[to_device(lane, lanes.device), to_device(source, lanes.device)]

        known = usable - accepted
        beyond = np.flatnonzero(place > known[lane])
        if len(beyond):
            lane, place = lane[beyond], place[beyond]
            owner, first = slots[lane], step[lane]
            gap = lanes.grid[owner, first + place] - lanes.grid[owner, first + known[lane]]
            line = _weights(gap, velocity) * velocity[to_device(lane, lanes.device)]
            guesses[to_device(beyond, lanes.device)] += line
        parts = torch.split(guesses, room.tolist())
        self.guesses.update(zip(slots.tolist(), parts, strict=True))


def _weights(values: Floats, like: Tensor) -> Tensor:
    return broadcast(to_device(values.astype(np.float32), like.device), like)


def _sums(start: Tensor, moves: Tensor) -> Tensor:
    """``start [n, *shape]`` and what it becomes move after move, ``[n, moves + 1, *shape]``.

    One addition after another, as a lane makes them that goes step by step; a library's prefix
    sum may group them otherwise.
    """
    states = [start]
    for move in moves.unbind(1):
        states.append(states[-1] + move)
    return torch.stack(states, 1)


def _rows_of(
    found: dict[str, Tensor | Floats], rows: Integers
) -> Callable[[Part, Slots, Index], Evidence]:
    """What is known of the lanes whose points these rows are."""

    def of(part: Part, slots: Slots, where: Index) -> Evidence:
        return lambda name: found[name][rows[part]]

    return of
