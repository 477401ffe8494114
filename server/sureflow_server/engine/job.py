"""An accepted request as its caller sees it: events, then one end."""

from __future__ import annotations

from asyncio import Queue, TimerHandle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from time import monotonic
from typing import Protocol

from sureflow.core.card import ModelCard
from sureflow.core.family import cost_of, weight_of
from sureflow.core.halving import Halving
from sureflow.core.lane import LaneSpec, Sample
from sureflow_server.engine.account import Account, Tally
from sureflow_server.engine.errors import EngineError
from sureflow_server.engine.messages import (
    Finished,
    Progress,
    Started,
    Submit,
    Terms,
    Viewed,
)
from sureflow_server.engine.scheduler import IDLE
from sureflow_server.turns import Turns

Event = Started | Progress | Viewed | Finished

Follow = Callable[[Sample, int], LaneSpec | None]
"""Names the lane that a finished one calls for, given how many the request has had so far."""


Round = tuple[Sequence[LaneSpec], Halving]
"""Further lanes of a request, and how they are compared on the way."""


class Rounds(Protocol):
    """Names the lanes that a request calls for once all of its lanes have ended."""

    def passes(self, sample: Sample) -> bool:
        """Whether a sample is one of those that are wanted."""
        ...

    def next_round(self, spec: LaneSpec, passed: int, launched: int) -> Round | None:
        """Return the next round, after so many lanes, of which so many samples have passed.

        ``spec`` is one of these lanes, which differ in their index alone.
        """
        ...


BACKLOG = 256
"""Unread events beyond which a slow reader misses steps; it never misses a sample."""


@dataclass(eq=False)
class Job:
    """Lanes under way. Iterate over it for events; leaving its ``async with`` block cancels it.

    Iteration ends after the last lane's :class:`Finished`, or raises an :class:`EngineError`. A
    worker's crash on the way is not seen: lanes are deterministic and simply run again.

    A finished lane may call for another one, which takes over its reserved room; so lanes are
    never more at a time than there were at first.

    Attributes:
        id: The pool's number for it.
        card: The model that it was accepted for.
        unfinished: Lanes still owed, by number.
        progress: Whether the caller wants :class:`Progress` and :class:`Viewed` events.
        on_leave: Called when the caller leaves.
        terms: On which terms it runs.
        lane_rows: Network rows that one of its lanes is expected to cost.
        follow: What a finished lane calls for; ``None`` where the first lanes are all.
        account: Whose samples they are counted as.
        nbytes: Bytes reserved for it, see :func:`~sureflow_server.engine.admission.footprint`.
        halving: How its lanes are compared on the way; ``None`` finishes all of them.
        rounds: What it calls for once all lanes have ended; ``None`` where that is the end.
        passed: Samples that have passed, where there are ``rounds``.
        launched: Lanes so far, and the number of the next one.
        submitted: Reading of :func:`time.monotonic` at acceptance.
        in_flight: Lanes of it have entered slots of the present worker.
        crashes: Workers in a row that died with lanes of it in flight.
        timer: Goes off at the deadline.
    """

    id: int
    card: ModelCard
    unfinished: dict[int, LaneSpec]
    progress: bool
    on_leave: Callable[[Job], None]
    terms: Terms = field(default_factory=Terms)
    lane_rows: float = 0.0
    follow: Follow | None = None
    account: Tally = field(default_factory=Account)
    nbytes: int = 0
    halving: Halving | None = None
    rounds: Rounds | None = None
    passed: int = 0
    launched: int = field(init=False)
    submitted: float = field(default_factory=monotonic)
    started: bool = False
    in_flight: bool = False
    crashes: int = 0
    timer: TimerHandle | None = None
    _events: Queue[Event | EngineError | None] = field(default_factory=Queue)
    _turns: Turns = field(default_factory=Turns)

    @property
    def idle(self) -> bool:
        """Whether it runs only while nothing else does, and takes no room from requests."""
        return self.terms.priority <= IDLE

    @cached_property
    def peak_rows(self) -> int:
        """Most rows of one of its lanes in a tick, in rows of the model's default shape."""
        lane = next(iter(self.unfinished.values()))
        return ceil(cost_of(lane).peak * weight_of(lane, self.card))

    def __post_init__(self) -> None:
        self.launched = len(self.unfinished)

    def submit(self, lanes: dict[int, LaneSpec] | None = None) -> Submit:
        """Return the command for these lanes, by default for all that are still owed."""
        owed = dict(self.unfinished) if lanes is None else lanes
        return Submit(self.id, self.card.name, owed, self.progress, self.terms, self.halving)

    def next_round(self, last: Sample) -> Sequence[LaneSpec]:
        """Return the lanes that the request calls for after the last one, which has just ended."""
        if self.rounds is None:
            return ()
        following = self.rounds.next_round(last.spec, self.passed, self.launched)
        if following is None:
            return ()
        lanes, self.halving = following
        return lanes

    def put(self, event: Event | EngineError | None) -> None:
        """Hand the caller an event, or an end: an error, or ``None`` for completion."""
        self._events.put_nowait(event)

    def put_progress(self, progress: Progress) -> None:
        """Hand over a step, unless the caller is too far behind to care."""
        if self._events.qsize() < BACKLOG:
            self.put(progress)

    async def __aenter__(self) -> Job:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.on_leave(self)

    def __aiter__(self) -> Job:
        return self

    async def __anext__(self) -> Event:
        await self._turns.step()
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        if isinstance(event, EngineError):
            raise event
        return event
