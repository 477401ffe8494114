"""The body of the tick loop for one model: admit, evaluate once, advance, retire."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Set
from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Slots
from sureflow.core.commit import commit_point
from sureflow.core.lane import FinishReason, LaneSpec, Sample
from sureflow.core.process import Outcome, Process, Rows
from sureflow.families.flow.inversion import inversion_error
from sureflow.families.flow.lanes import Lanes
from sureflow.families.flow.phases import Journeys
from sureflow.networks import Reply
from sureflow.sampling.evaluation_error import EvaluationError, lost

if TYPE_CHECKING:
    from sureflow.model import Model

UNFINISHED: tuple[FinishReason, ...] = ("abandoned", "halted")
"""Ends of lanes whose samples were not finished."""


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
class _Held:
    slot: int
    spec: LaneSpec
    process: Process
    rest: Iterator[Process]


@dataclass(frozen=True, slots=True)
class _Part:
    process: Process
    tickets: list[int]
    slots: Slots


class Sampler:
    """Lanes of one model in flight. The offline loop and the server run this same class.

    Lanes may join, pause and leave between any two ticks and never influence each other. Every
    lane belongs to a process; the rows of all processes are evaluated as one batch.

    Args:
        model: A loaded checkpoint.
        capacity: Most lanes in flight at once.
        hear: Told ``(ticket, t, running score)`` of every lane at every step; no lane is then
            abandoned early.
    """

    def __init__(
        self,
        model: Model,
        capacity: int = 32,
        hear: Callable[[int, float, float], object] | None = None,
    ) -> None:
        self.model = model
        self._evaluate = model.evaluator
        early = model.calibration.early if model.calibration else {}
        self._lanes = Lanes(capacity, model.card.shape, model.device, model.grid, early)
        if hear is not None:
            self._lanes.foresight.hear = lambda slot, t, value: hear(self._ticket(slot), t, value)
        self._journeys = Journeys(self._lanes, model.network.classes)
        self._free = list(reversed(range(capacity)))
        self._held: dict[int, _Held] = {}
        self._paused: set[int] = set()
        self._parts: list[_Part] | None = None

    @property
    def free(self) -> int:
        """Number of free slots."""
        return len(self._free)

    @property
    def running(self) -> int:
        """Number of lanes that the next tick moves."""
        return len(self._held) - len(self._paused)

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and of the state of all lanes; not what an evaluation takes."""
        network, lanes = self.model.network, self._lanes
        held = [*network.parameters(), *network.buffers(), *vars(lanes).values()]
        held += vars(lanes.followed).values()
        return sum(each.nbytes for each in held if isinstance(each, Tensor | np.ndarray))

    @property
    def tickets(self) -> list[int]:
        """Tickets of those."""
        return [ticket for ticket in self._held if ticket not in self._paused]

    @property
    def paused(self) -> int:
        """Number of lanes that hold a slot and stand still."""
        return len(self._paused)

    def progress(self) -> dict[int, tuple[int, float]]:
        """Steps completed and time reached by each lane in a slot, by ticket."""
        return {ticket: lane.process.progress(lane.slot) for ticket, lane in self._held.items()}

    def left(self) -> dict[int, float]:
        """Ticks that each lane in a slot still needs, roughly, by ticket."""
        slots = np.array([lane.slot for lane in self._held.values()], np.int64)
        return dict(zip(self._held, self._lanes.ticks_left(slots).tolist(), strict=True))

    @property
    def spent(self) -> int:
        """Network rows spent so far on the lanes that hold slots."""
        slots = [lane.slot for lane in self._held.values()]
        return int(self._lanes.evaluations[slots].sum())

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
                :func:`~sureflow.families.flow.deadline.hurry`.

        Raises:
            IndexError: No slot is free.
        """
        if not spec.scores:
            spec = replace(spec, scores=(self.model.score_for(spec),))
        slot = self._free[-1]
        rest = self._journeys.along(slot, spec, deadline)
        process = next(rest)
        self._free.pop()
        self._held[ticket] = _Held(slot, spec, process, rest)
        self._parts = None

    def pause(self, tickets: Iterable[int]) -> None:
        """Let these lanes stand still in their slots; their samples do not change by it."""
        self._paused.update(tickets)
        self._parts = None

    def resume(self, tickets: Iterable[int]) -> None:
        """Let paused lanes go on."""
        self._paused.difference_update(tickets)
        self._parts = None

    def cancel(self, tickets: Iterable[int]) -> None:
        """Free the slots of these lanes at once; unknown tickets are ignored."""
        for ticket in tickets:
            if ticket in self._held:
                self._release(ticket)

    def pace(self, now: float, tick_s: float) -> None:
        """Tell lanes with a deadline what the time is, and how long a tick takes, in seconds."""
        self._lanes.now, self._lanes.tick_s = now, tick_s

    @torch.inference_mode()
    def tick(self, tickets: Collection[int] | None = None) -> Tick:
        """Evaluate the network once for every running lane and advance each by the replies.

        Args:
            tickets: Only these of the running lanes.

        Raises:
            EvaluationError: The network raised something. No lane has moved.
        """
        if not self.running:
            return Tick(0, [])
        parts = self._chosen(tickets)
        asked = [part.process.rows(part.slots) for part in parts]
        rows = Rows.join(asked)
        replies, slopes = self._replies(rows)
        finished = []
        probed = [len(part.probed) for part in asked]
        of_parts = [None] * len(parts) if slopes is None else torch.split(slopes, probed)
        for part, reply, slope in zip(parts, _split(replies, asked), of_parts, strict=True):
            done, diverged = part.process.advance(part.slots, reply, slope)
            for lane in np.flatnonzero(done | diverged):
                ticket = part.tickets[lane]
                if not diverged[lane] and self._hand_over(ticket):
                    continue
                finished.append((ticket, self._retire(ticket, bool(diverged[lane]))))
        return Tick(rows.count, finished)

    def _replies(self, rows: Rows) -> tuple[Reply, Tensor | None]:
        try:
            # First, as what evaluates the rows may work in place.
            slopes = self._slopes(rows)
            return self._evaluate(rows.x, rows.t, rows.label), slopes
        except Exception as error:  # a third-party network may raise anything
            if lost(error):
                raise
            raise EvaluationError(rows.count, error) from error

    def _slopes(self, rows: Rows) -> Tensor | None:
        """The directional derivatives that scores have asked for, ``[m]``."""
        return self.model.directional(*rows.directional()).mean if len(rows.probed) else None

    def _hand_over(self, ticket: int) -> bool:
        """Whether a lane that is done with its process goes on in another, or in it once more."""
        lane = self._held[ticket]
        process = next(lane.rest, None)
        if process is None:
            return False
        if process is not lane.process:
            lane.process.release(lane.slot)
        self._held[ticket] = replace(lane, process=process)
        self._parts = None
        return True

    def _chosen(self, only: Collection[int] | None) -> list[_Part]:
        if only is not None and len(only) < self.running:
            return self._by_process({*only})
        if self._parts is None:
            self._parts = self._by_process(self._held.keys())
        return self._parts

    def _by_process(self, chosen: Set[int]) -> list[_Part]:
        """Those running lanes of each process that has any, in the order of their slots."""
        tickets: dict[Process, list[int]] = {}
        for ticket, lane in sorted(self._held.items(), key=lambda held: held[1].slot):
            if ticket in chosen and ticket not in self._paused:
                tickets.setdefault(lane.process, []).append(ticket)
        return [
            _Part(process, part, np.array([self._held[ticket].slot for ticket in part]))
            for process, part in tickets.items()
        ]

    def _retire(self, ticket: int, diverged: bool) -> Sample:
        lane = self._held[ticket]
        outcome = lane.process.retire(lane.slot, lane.spec)
        self._release(ticket)
        score = lane.spec.scores[0]
        uncertainty = outcome.scores[score]
        late = outcome.tolerance != lane.spec.tolerance
        unfinished = outcome.finish_reason in UNFINISHED
        reason: FinishReason = "deadline" if late and not unfinished else outcome.finish_reason
        confidence, holds = self._confidence(uncertainty, lane.spec, outcome, diverged)
        return Sample(
            spec=lane.spec,
            data=outcome.data,
            uncertainty=uncertainty,
            score=score,
            scores=outcome.scores,
            abandoned_at=outcome.abandoned_at,
            confidence=confidence,
            confidence_holds=holds,
            t=outcome.t,
            rate=outcome.rate,
            map=outcome.map,
            commit=commit_point(outcome.t, outcome.rate),
            finish_reason="diverged" if diverged else reason,
            accepted=outcome.accepted,
            rejected=outcome.rejected,
            evaluations=outcome.evaluations,
            tolerance=outcome.tolerance,
            frames=outcome.frames,
            views=outcome.views,
            start=outcome.start,
            inversion_error=None if unfinished else inversion_error(lane.spec, outcome.data),
        )

    def _ticket(self, slot: int) -> int:
        return next(ticket for ticket, lane in self._held.items() if lane.slot == slot)

    def _confidence(
        self, uncertainty: float, spec: LaneSpec, outcome: Outcome, diverged: bool
    ) -> tuple[float | None, bool | None]:
        """Confidence and whether it holds.

        None of a sample that was not finished, 0 of one that came to nothing. It does not hold of
        one that ran out of steps.
        """
        if diverged:
            return 0.0, False
        if outcome.finish_reason in UNFINISHED:
            return None, None
        confidence, holds = self.model.confidence(uncertainty, spec, outcome.tolerance)
        return confidence, holds and outcome.finish_reason == "converged"

    def _release(self, ticket: int) -> None:
        lane = self._held.pop(ticket)
        lane.process.release(lane.slot)
        self._paused.discard(ticket)
        self._free.append(lane.slot)
        self._parts = None


def _split(replies: Reply, asked: list[Rows]) -> list[Reply]:
    """Each process's part of the replies."""
    ends = accumulate(len(rows.x) for rows in asked)
    return [
        replies.rows(slice(end - len(rows.x), end)) for rows, end in zip(asked, ends, strict=True)
    ]
