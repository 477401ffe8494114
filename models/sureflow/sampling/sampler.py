"""The sampler: admits lanes of one model, evaluates them once per tick, advances, retires them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Set
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from math import inf
from typing import cast

import numpy as np
import torch

from sureflow.core.arrays import Floats, Slots
from sureflow.core.commit import commit_point
from sureflow.core.family import family_of
from sureflow.core.halving import SAME
from sureflow.core.lane import (
    MAX_INVERSION_ERROR,
    NEIGHBOUR,
    NOVELTY,
    UNFINISHED,
    Array,
    FinishReason,
    LaneSpec,
    Result,
    Sample,
    View,
)
from sureflow.core.lanes import Listener
from sureflow.core.process import Bucket, Outcome, Process, Query, Reply, ResumablePhases
from sureflow.model import Model
from sureflow.sampling.buckets import Buckets, rows_of
from sureflow.sampling.evaluator import join_and_evaluate
from sureflow.sampling.parked import Parked

NO_MEMORY = "can't allocate memory"
"""Part of the message of torch's CPU allocator; that for GPUs raises its own exception type."""


class EvaluationError(Exception):
    """The network raised an error. No lane has moved, so the caller may try fewer lanes.

    Attributes:
        rows: Number of network rows in the tick, in rows of the default shape.
        memory: Whether memory ran out.
    """

    def __init__(self, rows: int, cause: Exception) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.rows = rows
        kinds = (MemoryError, torch.OutOfMemoryError)
        self.memory = isinstance(cause, kinds) or (
            isinstance(cause, RuntimeError) and NO_MEMORY in str(cause)
        )


@dataclass(frozen=True, slots=True)
class Tick:
    """The result of one tick.

    Attributes:
        rows: Rows evaluated, without padding.
        finished: Finished lanes by ticket.
        seconds: How long it should have taken.
        parked: Lanes that have reached a rung by ticket, and have left their slots.
    """

    rows: int
    finished: list[tuple[int, Sample]]
    seconds: float = 0.0
    parked: list[tuple[int, Parked]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _InSlot:
    slot: int
    spec: LaneSpec
    bucket: Bucket
    process: Process
    rest: Iterator[Process]


@dataclass(frozen=True, slots=True)
class _Group:
    process: Process
    tickets: list[int]
    slots: Slots


class Sampler:
    """Lanes of one model in flight. The offline loop and the server use this same class.

    Lanes may join, pause and leave between any two ticks and never influence each other. Every
    lane belongs to a process; the rows of all processes are evaluated as one batch, or as one of
    each shape. Lanes of another shape than the default one have processes and arrays of their own,
    made when the first of them is admitted; the slots are those of all.

    Args:
        model: A loaded checkpoint.
        capacity: Most lanes in flight at once.
        listener: Called with ``(ticket, t, statistics)`` for every lane at every step.
    """

    def __init__(
        self,
        model: Model,
        capacity: int = 32,
        listener: Listener | None = None,
    ) -> None:
        self.model = model
        self._buckets = Buckets(model, capacity, listener and self._heard(listener))
        self.heads = self._buckets.heads
        self._free = list(reversed(range(capacity)))
        self._in_slots: dict[int, _InSlot] = {}
        self._paused: set[int] = set()
        self._rungs: dict[int, tuple[float, ...]] = {}
        self._parts: list[_Group] | None = None

    @property
    def free(self) -> int:
        """Number of free slots."""
        return len(self._free)

    @property
    def running(self) -> int:
        """Number of lanes that are not paused."""
        return len(self._in_slots) - len(self._paused)

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and of the state of all lanes; not what an evaluation takes."""
        network = self.model.network
        weights = sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))
        return int(weights) + self._buckets.nbytes

    @property
    def tickets(self) -> list[int]:
        """Tickets of the lanes that are not paused."""
        return [ticket for ticket in self._in_slots if ticket not in self._paused]

    @property
    def paused(self) -> int:
        """Number of paused lanes."""
        return len(self._paused)

    def progress(self) -> dict[int, tuple[int, float]]:
        """Steps completed and time reached by each lane in a slot, by ticket."""
        found = {}
        for ticket, lane in self._in_slots.items():
            lanes = self._buckets.lanes(lane.bucket)
            found[ticket] = int(lanes.step[lane.slot]), float(lanes.t[lane.slot])
        return found

    def views(self, ticket: int) -> tuple[View, ...]:
        """The views of a lane in a slot so far, but for those that have yet to be decoded."""
        lane = self._in_slots[ticket]
        return self._buckets.lanes(lane.bucket).views(lane.slot)

    def ticks_left(self) -> dict[int, float]:
        """Estimated number of ticks until each lane ends, by ticket."""
        found = dict.fromkeys(self._in_slots, 0.0)
        for bucket, tickets, slots in self._by_bucket():
            left = self._buckets.lanes(bucket).ticks_left(slots)
            found.update(zip(tickets, left.tolist(), strict=True))
        return found

    @property
    def rows_spent(self) -> int:
        """Network rows spent so far on the lanes in slots, in rows of the default shape."""
        lanes = self._buckets.lanes
        spent = {b: int(lanes(b).evaluations[slots].sum()) for b, _, slots in self._by_bucket()}
        return self._buckets.weighed(spent)

    def seconds(self, rows: int) -> float:
        """Expected seconds of a tick with this many rows of the default shape."""
        return self._buckets.seconds({(): rows})

    def weight(self, spec: LaneSpec) -> float:
        """Measured cost of a row of a lane, in rows of the default shape."""
        return self._buckets.weight(self.model.engine.bucket(self._canonical(spec)))

    def _canonical(self, spec: LaneSpec) -> LaneSpec:
        return family_of(spec).canonical(self.model.card, spec)

    def _by_bucket(self) -> Iterator[tuple[Bucket, list[int], Slots]]:
        """The buckets of the lanes in slots, with their tickets and slots."""
        found: dict[Bucket, list[int]] = {}
        for ticket, lane in self._in_slots.items():
            found.setdefault(lane.bucket, []).append(ticket)
        for bucket, tickets in found.items():
            yield bucket, tickets, np.array([self._in_slots[each].slot for each in tickets])

    @torch.inference_mode()
    def admit(
        self,
        ticket: int,
        spec: LaneSpec,
        deadline: float = inf,
        rungs: tuple[float, ...] = (),
        parked: Parked | None = None,
    ) -> None:
        """Start a lane, to which the caller gives a number, the ticket, in a free slot.

        Args:
            ticket: The number.
            spec: The lane.
            deadline: When the sample must be finished, on the clock of :meth:`set_clock`.
            rungs: Times at which the lane leaves its slot, see :attr:`Tick.parked`; ascending.
            parked: What the lane goes on from, if it has left its slot at a rung.

        Raises:
            IndexError: No slot is free.
            ValueError: The network's rows cannot be evaluated in the shape of the lane.
        """
        spec = self._canonical(spec)
        if not spec.scores:
            spec = replace(spec, scores=(self.model.score_for(spec),))
        slot, bucket = self._free[-1], self.model.engine.bucket(spec)
        phases = self._buckets.phases(bucket)
        if parked is None:
            rest = phases.processes(slot, spec, deadline)
        else:
            resumable = cast("ResumablePhases", phases)
            rest = resumable.resumed(slot, spec, deadline, parked.suspended)
            rungs = tuple(each for each in rungs if each > parked.t + SAME)
        process = next(rest)
        self._free.pop()
        if rungs:
            self._rungs[ticket] = rungs
        self._in_slots[ticket] = _InSlot(slot, spec, bucket, process, rest)
        self._parts = None

    def pause(self, tickets: Iterable[int]) -> None:
        """Pause lanes in their slots, which does not change their samples."""
        self._paused.update(tickets)
        self._parts = None

    def resume(self, tickets: Iterable[int]) -> None:
        """Resume paused lanes."""
        self._paused.difference_update(tickets)
        self._parts = None

    def cancel(self, tickets: Iterable[int]) -> None:
        """Free the slots of these lanes at once; unknown tickets are ignored."""
        for ticket in tickets:
            if ticket in self._in_slots:
                self._release(ticket)

    def set_clock(self, now: float, tick_s: float) -> None:
        """Set the current time and the duration of a tick, which lanes with a deadline use."""
        self._buckets.set_clock(now, tick_s)

    @torch.inference_mode()
    def tick(self, tickets: Collection[int] | None = None) -> Tick:
        """Evaluate the network once for these running lanes, or for all, and advance them.

        Raises:
            EvaluationError: The network raised an error. No lane has moved.
        """
        if not self.running:
            return Tick(0, [])
        parts = self._chosen(tickets)
        by_part = [part.process.ask(part.slots) for part in parts]
        queries = list(chain.from_iterable(by_part))
        replies = iter(self._replies(queries))
        finished, parked = [], []
        for part, own in zip(parts, by_part, strict=True):
            done, diverged = part.process.tell(part.slots, [next(replies) for _ in own])
            for lane in (done | diverged).nonzero()[0].tolist():
                ticket = part.tickets[lane]
                if not diverged[lane] and self._hand_over(ticket):
                    continue
                finished.append((ticket, self._retire(ticket, bool(diverged[lane]))))
            if self._rungs:
                parked += self._park(part.tickets)
        rows = rows_of(queries)
        return Tick(sum(rows.values()), finished, self._buckets.seconds(rows), parked)

    def _park(self, tickets: list[int]) -> list[tuple[int, Parked]]:
        """Take those of these lanes that have reached a rung out of their slots.

        A lane's time changes only between two steps, so that it has just ended one.
        """
        by_bucket: dict[tuple[Bucket, str], list[int]] = {}
        for ticket in tickets:
            if self._at_rung(ticket):
                lane = self._in_slots[ticket]
                by_bucket.setdefault((lane.bucket, lane.spec.scores[0]), []).append(ticket)
        found = []
        for (bucket, score), chosen in by_bucket.items():
            lanes = self._buckets.lanes(bucket)
            own = [self._in_slots[ticket] for ticket in chosen]
            slots = np.array([lane.slot for lane in own])
            values = lanes.foretold(score, slots, [lane.spec for lane in own]).tolist()
            times = lanes.t[slots].tolist()
            lanes.abandoned[slots] = True
            for ticket, slot, t, value in zip(chosen, slots.tolist(), times, values, strict=True):
                suspended = lanes.suspend(slot)
                found.append((ticket, Parked(t, value, self._retire(ticket, False), suspended)))
        return found

    def _at_rung(self, ticket: int) -> bool:
        if ticket not in self._rungs or ticket not in self._in_slots:
            return False
        lane = self._in_slots[ticket]
        t = float(self._buckets.lanes(lane.bucket).t[lane.slot])
        return self._rungs[ticket][0] <= t + SAME and t < 1

    def _replies(self, queries: list[Query]) -> list[Reply]:
        """The replies in the order of the queries; rows of a bucket are evaluated together."""
        try:
            if len(queries) == 1:
                first = queries[0]
                return [self.heads.at(first.bucket)[first.head](first.inputs)]
            return join_and_evaluate(queries, self.heads.at)
        except Exception as error:  # a third-party network may raise anything
            if isinstance(error, torch.AcceleratorError):
                raise  # this process cannot use the device any more
            raise EvaluationError(self._buckets.weighed(rows_of(queries)), error) from error

    def _hand_over(self, ticket: int) -> bool:
        """Pass a lane to its next process, which may be the same one; False if there is none."""
        lane = self._in_slots[ticket]
        process = next(lane.rest, None)
        if process is None:
            return False
        if process is not lane.process:
            lane.process.release(lane.slot)
        self._in_slots[ticket] = replace(lane, process=process)
        self._parts = None
        return True

    def _chosen(self, only: Collection[int] | None) -> list[_Group]:
        if only is not None and len(only) < self.running:
            return self._by_process({*only})
        if self._parts is None:
            self._parts = self._by_process(self._in_slots.keys())
        return self._parts

    def _by_process(self, chosen: Set[int]) -> list[_Group]:
        """Group the chosen running lanes by process, in the order of their slots."""
        tickets: dict[Process, list[int]] = {}
        for ticket, lane in sorted(self._in_slots.items(), key=lambda lane: lane[1].slot):
            if ticket in chosen and ticket not in self._paused:
                tickets.setdefault(lane.process, []).append(ticket)
        return [
            _Group(process, part, np.array([self._in_slots[ticket].slot for ticket in part]))
            for process, part in tickets.items()
        ]

    def _retire(self, ticket: int, diverged: bool) -> Sample:
        lane = self._in_slots[ticket]
        outcome = lane.process.end(lane.slot, lane.spec)
        self._release(ticket)
        reason = outcome.finish_reason
        if diverged:
            reason = "diverged"
        elif outcome.late and reason not in UNFINISHED:
            reason = "deadline"
        confidence, calibrated = self._confidence(lane.spec, outcome, diverged)
        found = {each.name: getattr(outcome, each.name) for each in fields(Result)}
        found["fields"] = {**outcome.fields, **self._neighbour(outcome.data, reason)}
        return Sample(
            spec=lane.spec,
            score=lane.spec.scores[0],
            uncertainty=outcome.scores[lane.spec.scores[0]],
            confidence=confidence,
            confidence_holds=calibrated,
            calibration_version=self.model.card.calibration_version,
            commit=commit_point(outcome.t, outcome.rate),
            **found | {"finish_reason": reason},
        )

    def _neighbour(self, data: Array, reason: FinishReason) -> dict[str, Array]:
        """How near a finished sample is to training data, if the model has an index of these."""
        index = self.model.index
        if index is None or reason in (*UNFINISHED, "diverged") or data.shape != index.shape:
            return {}
        found = index.find(data)
        return {NOVELTY: np.array(found.novelty), NEIGHBOUR: np.array(found.number)}

    def _heard(self, listener: Listener) -> Listener:
        """The same for slots."""

        def heard(slot: int, t: float, values: Floats) -> object:
            tickets = (ticket for ticket, lane in self._in_slots.items() if lane.slot == slot)
            return listener(next(tickets), t, values)

        return heard

    def _confidence(
        self, spec: LaneSpec, outcome: Outcome, diverged: bool
    ) -> tuple[float | None, bool | None]:
        """Confidence, and whether it was calibrated: not for a sample that ran out of steps.

        There is none for a given sample that did not come back: the model makes another one of it.
        """
        if diverged:
            return 0.0, False
        if outcome.finish_reason in UNFINISHED:
            return None, None
        if (outcome.inversion_error or 0.0) > MAX_INVERSION_ERROR:
            return None, None
        uncertainty = outcome.scores[spec.scores[0]]
        confidence, holds = self.model.confidence(uncertainty, spec, outcome.tolerance)
        return confidence, holds and outcome.finish_reason == "converged"

    def _release(self, ticket: int) -> None:
        lane = self._in_slots.pop(ticket)
        lane.process.release(lane.slot)
        self._paused.discard(ticket)
        self._rungs.pop(ticket, None)
        self._free.append(lane.slot)
        self._parts = None
