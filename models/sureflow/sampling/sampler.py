"""The body of the tick loop for one model: admit, evaluate once, advance, retire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from sureflow.lane import LaneSpec, Sample
from sureflow.moments import Moments
from sureflow.sampling.commit import commit_point
from sureflow.sampling.flow import Flow
from sureflow.sampling.lanes import Lanes, Slots
from sureflow.sampling.picard import Picard
from sureflow.sampling.process import Process, Rows

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


@dataclass(frozen=True, slots=True)
class _Running:
    ticket: int
    spec: LaneSpec
    process: Process


class Sampler:
    """Lanes of one model in flight. The offline loop and the server run this same class.

    Lanes may join and leave between any two ticks and never influence each other. Every lane
    belongs to a process; the rows of all processes are evaluated as one batch.

    Args:
        model: A loaded checkpoint.
        capacity: Most lanes in flight at once.
    """

    def __init__(self, model: Model, capacity: int = 32) -> None:
        self.model = model
        self._evaluate = model.evaluator
        self._lanes = Lanes(capacity, model.card.shape, model.device)
        self._flow = Flow(self._lanes, model.network.classes)
        self._picard = Picard(self._lanes, model.network.classes)
        self._free = list(reversed(range(capacity)))
        self._running: dict[int, _Running] = {}
        self._parts: list[tuple[Process, Slots]] | None = None

    @property
    def free(self) -> int:
        """Number of free slots."""
        return len(self._free)

    @property
    def running(self) -> int:
        """Number of lanes in flight."""
        return len(self._running)

    @staticmethod
    def rows_of(spec: LaneSpec) -> int:
        """Most rows that a lane asks for in one tick."""
        branches = 1 if spec.label is None or spec.guidance == 1 else 2
        return branches * max(1, min(spec.parallel, spec.steps))

    def progress(self) -> dict[int, tuple[int, float]]:
        """Steps completed and time reached by each lane in flight, by ticket."""
        return {lane.ticket: lane.process.progress(slot) for slot, lane in self._running.items()}

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
        process = self._picard if spec.parallel else self._flow
        process.admit(slot, spec)
        self._running[slot] = _Running(ticket, spec, process)
        self._parts = None

    def cancel(self, tickets: Iterable[int]) -> None:
        """Free the slots of these lanes at once; unknown tickets are ignored."""
        unwanted = set(tickets)
        for slot in [s for s, lane in self._running.items() if lane.ticket in unwanted]:
            self._release(slot)

    @torch.inference_mode()
    def tick(self) -> Tick:
        """Evaluate the network once for every running lane and advance each by the replies."""
        if not self._running:
            return Tick(0, [])
        if self._parts is None:
            self._parts = self._by_process()
        parts = self._parts
        asked = [process.rows(slots) for process, slots in parts]
        rows = Rows.join(asked)
        replies = self._evaluate(rows.x, rows.t, rows.label)
        finished = []
        for (process, slots), reply in zip(parts, _split(replies, asked), strict=True):
            done, diverged = process.advance(slots, reply)
            ended = np.flatnonzero(done | diverged)
            finished += [self._retire(int(slots[lane]), bool(diverged[lane])) for lane in ended]
        return Tick(len(rows.x), finished)

    def _by_process(self) -> list[tuple[Process, Slots]]:
        """The slots of each process that has running lanes."""
        slots: dict[Process, list[int]] = {}
        for slot in sorted(self._running):
            slots.setdefault(self._running[slot].process, []).append(slot)
        return [(process, np.array(part)) for process, part in slots.items()]

    def _retire(self, slot: int, diverged: bool) -> tuple[int, Sample]:
        lane = self._running[slot]
        outcome = lane.process.retire(slot)
        self._release(slot)
        uncertainty = float(outcome.map.sum(dtype="float64"))
        sample = Sample(
            spec=lane.spec,
            data=outcome.data,
            uncertainty=uncertainty,
            confidence=0.0 if diverged else self.model.confidence(uncertainty, lane.spec),
            t=outcome.t,
            rate=outcome.rate,
            map=outcome.map,
            commit=commit_point(outcome.t, outcome.rate),
            finish_reason="diverged" if diverged else outcome.finish_reason,
            accepted=outcome.accepted,
            rejected=outcome.rejected,
            evaluations=outcome.evaluations,
        )
        return lane.ticket, sample

    def _release(self, slot: int) -> None:
        self._running.pop(slot).process.release(slot)
        self._free.append(slot)
        self._parts = None


def _split(replies: Moments, asked: list[Rows]) -> list[Moments]:
    """Each process's part of the replies."""
    assert replies.variance is not None
    sizes = [len(rows.x) for rows in asked]
    parts = zip(torch.split(replies.mean, sizes), torch.split(replies.variance, sizes), strict=True)
    return [Moments(mean, variance) for mean, variance in parts]
