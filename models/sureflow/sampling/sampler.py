"""The body of the tick loop for one model: admit, evaluate once, advance, retire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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

    Lanes may join and leave between any two ticks and never influence each other.

    Args:
        model: A loaded checkpoint.
        capacity: Most lanes in flight at once.
    """

    def __init__(self, model: Model, capacity: int = 32) -> None:
        self.model = model
        self._evaluate = model.evaluator
        self._lanes = Lanes(capacity, model.card.shape, model.device, model.grid)
        self._process = Flow(self._lanes, model.network.classes)
        self._free = list(reversed(range(capacity)))
        self._tickets: dict[int, tuple[int, LaneSpec]] = {}
        self._slots: Slots | None = None

    @property
    def free(self) -> int:
        """Number of free slots."""
        return len(self._free)

    @property
    def running(self) -> int:
        """Number of lanes in flight."""
        return len(self._tickets)

    def progress(self) -> dict[int, tuple[int, float]]:
        """Steps completed and time reached by each lane in flight, by ticket."""
        step, t = self._lanes.step, self._lanes.t
        return {
            ticket: (int(step[slot]), float(t[slot])) for slot, (ticket, _) in self._tickets.items()
        }

    @property
    def row_counts(self) -> tuple[int, ...]:
        """Padded block sizes in use; see :class:`~sureflow.sampling.evaluator.Evaluator`."""
        return self._evaluate.sizes

    @torch.inference_mode()
    def admit(self, ticket: int, spec: LaneSpec) -> None:
        """Start a lane in a free slot; ``ticket`` is the caller's name for it.

        Raises:
            IndexError: No slot is free.
        """
        slot = self._free.pop()
        self._process.admit(slot, spec)
        self._tickets[slot] = (ticket, spec)
        self._slots = None

    def cancel(self, tickets: Iterable[int]) -> None:
        """Free the slots of these lanes at once; unknown tickets are ignored."""
        unwanted = set(tickets)
        for slot in [s for s, (ticket, _) in self._tickets.items() if ticket in unwanted]:
            self._release(slot)

    @torch.inference_mode()
    def tick(self) -> Tick:
        """Evaluate the network once for every running lane and advance each by its own stage."""
        if not self._tickets:
            return Tick(0, [])
        if self._slots is None:
            self._slots = np.array(sorted(self._tickets))
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
        reason: FinishReason = "max_steps" if lanes.forced[slot] else "converged"
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
        )
        self._release(slot)
        return ticket, sample

    def _release(self, slot: int) -> None:
        del self._tickets[slot]
        self._free.append(slot)
        self._slots = None
