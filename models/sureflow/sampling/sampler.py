"""The body of the tick loop for one model: admit, evaluate once, advance, retire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import torch

from sureflow.lane import FinishReason, LaneSpec, Sample
from sureflow.sampling.commit import commit_point
from sureflow.sampling.flow import Flow
from sureflow.sampling.lanes import Lanes, Slots

if TYPE_CHECKING:
    from sureflow.model import Model


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did.

    Attributes:
        rows: Network rows evaluated, padding not counted.
        finished: Finished lanes as ``(ticket, sample)``.
    """

    rows: int
    finished: list[tuple[int, Sample]]


class Sampler:
    """Lanes of one model in flight. The offline loop and the server run this same class.

    Lanes may join, pause and leave between any two ticks and never influence each other.

    Args:
        model: A loaded checkpoint.
        capacity: Most lanes in flight at once.
    """

    def __init__(self, model: Model, capacity: int = 32) -> None:
        self.model = model
        self._evaluate = model.evaluator
        self._lanes = Lanes(capacity, model.card.shape, model.device)
        self._process = Flow(self._lanes, model.network.classes)
        self._free = list(reversed(range(capacity)))
        self._tickets: dict[int, tuple[int, LaneSpec]] = {}
        self._slot_of: dict[int, int] = {}
        self._paused: set[int] = set()
        self._slots: Slots | None = None

    @property
    def free(self) -> int:
        """Number of free slots."""
        return len(self._free)

    @property
    def running(self) -> int:
        """Number of lanes that the next tick moves."""
        return len(self._tickets) - len(self._paused)

    @property
    def paused(self) -> int:
        """Number of lanes that hold a slot and stand still."""
        return len(self._paused)

    def progress(self) -> dict[int, tuple[int, float]]:
        """Steps completed and time reached by each lane in a slot, by ticket."""
        step, t = self._lanes.step, self._lanes.t
        return {
            ticket: (int(step[slot]), float(t[slot])) for slot, (ticket, _) in self._tickets.items()
        }

    @property
    def spent(self) -> int:
        """Network rows spent so far on the lanes that hold slots."""
        return int(self._lanes.evaluations[list(self._tickets)].sum())

    @property
    def row_counts(self) -> tuple[int, ...]:
        """Padded block sizes in use; see :class:`~sureflow.sampling.evaluator.Evaluator`."""
        return self._evaluate.sizes

    @torch.inference_mode()
    def admit(self, ticket: int, spec: LaneSpec, deadline: float = inf) -> None:
        """Start a lane in a free slot.

        Args:
            ticket: The caller's name for it.
            spec: What to make.
            deadline: When it shall be there, on the clock of :meth:`pace`; see
                :func:`~sureflow.sampling.deadline.hurry`.

        Raises:
            IndexError: No slot is free.
        """
        slot = self._free.pop()
        self._process.admit(slot, spec)
        self._lanes.deadline[slot] = deadline
        self._tickets[slot] = (ticket, spec)
        self._slot_of[ticket] = slot
        self._slots = None

    def pause(self, tickets: Iterable[int]) -> None:
        """Let these lanes stand still in their slots; their samples do not change by it."""
        self._paused.update(tickets)
        self._slots = None

    def resume(self, tickets: Iterable[int]) -> None:
        """Let paused lanes go on."""
        self._paused.difference_update(tickets)
        self._slots = None

    def cancel(self, tickets: Iterable[int]) -> None:
        """Free the slots of these lanes at once; unknown tickets are ignored."""
        for ticket in tickets:
            if ticket in self._slot_of:
                self._release(self._slot_of[ticket])

    def pace(self, now: float, tick_s: float) -> None:
        """Tell lanes with a deadline what the time is, and how long a tick takes, in seconds."""
        self._lanes.now, self._lanes.tick_s = now, tick_s

    @torch.inference_mode()
    def tick(self) -> Tick:
        """Evaluate the network once for every running lane and advance each by its own stage."""
        if not self.running:
            return Tick(0, [])
        if self._slots is None:
            running = (slot for ticket, slot in self._slot_of.items() if ticket not in self._paused)
            self._slots = np.array(sorted(running))
        slots = self._slots
        rows = self._process.rows(slots)
        replies = self._evaluate(rows.x, rows.t, rows.label)
        done, diverged = self._process.advance(slots, replies)
        ended = np.flatnonzero(done | diverged)
        finished = [self._retire(int(slots[lane]), bool(diverged[lane])) for lane in ended]
        return Tick(len(rows.x), finished)

    def _retire(self, slot: int, diverged: bool) -> tuple[int, Sample]:
        lanes = self._lanes
        ticket, spec = self._tickets[slot]
        steps = int(lanes.step[slot])
        data, field = lanes.x[slot].cpu().numpy().copy(), lanes.map[slot].cpu().numpy().copy()
        t = lanes.times[slot, : max(steps, 1)].copy()
        rate = lanes.rates[slot, : max(steps, 1)].copy()
        uncertainty = float(field.sum(dtype="float64"))
        tolerance = None if spec.tolerance is None else float(lanes.tolerance[slot])
        reason: FinishReason = "max_steps" if lanes.forced[slot] else "converged"
        if tolerance != spec.tolerance:
            reason = "deadline"
        if diverged:
            reason = "diverged"
        sample = Sample(
            spec=spec,
            data=data,
            uncertainty=uncertainty,
            confidence=0.0 if diverged else self.model.confidence(uncertainty, spec),
            t=t,
            rate=rate,
            map=field,
            commit=commit_point(t, rate),
            finish_reason=reason,
            accepted=steps,
            rejected=int(lanes.rejected[slot]),
            evaluations=int(lanes.evaluations[slot]),
            tolerance=tolerance,
        )
        self._release(slot)
        return ticket, sample

    def _release(self, slot: int) -> None:
        ticket, _ = self._tickets.pop(slot)
        del self._slot_of[ticket]
        self._paused.discard(ticket)
        self._free.append(slot)
        self._slots = None
