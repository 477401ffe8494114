"""Which lanes have rows in the next tick: bookkeeping alone, without tensors, clocks or sockets."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from operator import attrgetter
from typing import Generic, TypeVar

L = TypeVar("L")

IDLE = -1000
"""Priority of what runs only while nothing else does, below those that requests may have."""


@dataclass(slots=True, eq=False)
class _Request(Generic[L]):
    id: int
    model: str
    owner: str
    priority: int
    order: tuple[float, int]
    alone: float
    rows: int
    waiting: deque[L]
    running: list[int] = field(default_factory=list)
    paused: list[int] = field(default_factory=list)

    @property
    def slots(self) -> int:
        """Slots that its lanes are in."""
        return len(self.running) + len(self.paused)

    @property
    def unfinished(self) -> int:
        return self.slots + len(self.waiting)


_by_order = attrgetter("order")
_Queues = dict[int, dict[str, list[_Request[L]]]]


@dataclass(frozen=True, slots=True)
class Turn(Generic[L]):
    """What changes before the next tick: lanes to evict, pause and resume, and lanes to start."""

    evict: list[int]
    pause: list[int]
    resume: list[int]
    start: list[tuple[int, L]]


class Scheduler(Generic[L]):
    """Shares the rows of a tick out among the requests of each model.

    One lane at a time, a row goes to the highest priority that wants one; there to the owner with
    the fewest rows, which is max-min fairness between owners. An owner's requests have one lane
    each first, by deadline and then by arrival: a request for one sample runs in every tick,
    however many samples another request brought before it. What is left goes to the request that
    would have been done first if it were alone. So requests of like size are served in the order
    of their arrival, which keeps the longest wait short, and what can be done soon does not wait
    for what cannot.

    Requests of the priority :data:`IDLE` have rows only while there are no others at all, of
    whatever model. Where others find no free slot, lanes of these give theirs up, and wait again to
    be started.

    A lane that has to stand back is paused: it keeps its slot and its state, which costs nothing,
    and goes on before its request starts another. But once all lanes of a request fit into slots
    they take turns, those with most left to do first: a request is done when its last lane is.

    ``L`` is whatever the caller calls a lane; it is handed back untouched.
    """

    def __init__(self) -> None:
        self._requests: dict[int, _Request[L]] = {}
        self._queues: dict[str, _Queues[L]] = {}
        self._owners: dict[int, tuple[_Request[L], L]] = {}
        self._in_slots: dict[str, dict[int, _Request[L]]] = {}
        self._waiting: dict[str, int] = {}
        self._tickets = count()
        self._busy = 0

    @property
    def busy(self) -> bool:
        """Whether there are requests that somebody waits for."""
        return self._busy > 0

    def add(
        self,
        model: str,
        request: int,
        lanes: Iterable[L],
        *,
        rows: int = 1,
        owner: str = "",
        priority: int = 0,
        deadline: float = inf,
        alone: float = 0,
    ) -> None:
        """Queue lanes of a request, in the order in which they are to start.

        They come after those that it already has. A request whose lanes have all ended may go on
        with further ones, and has the place among its equals that it had before.

        Args:
            model: What they run on.
            request: The caller's number for the request; numbers rise in the order of arrival.
            lanes: At least one, or nothing happens.
            rows: Network rows that each of them asks for per tick.
            owner: Whose request it is; owners share evenly, whatever the number of their requests.
            priority: Higher ones are served before lower ones.
            deadline: Decides among equals; on any clock, as long as it is one.
            alone: When it would be done if it had every tick for itself; on any clock.
        """
        arriving = deque(lanes)
        if not arriving:
            return
        self._waiting[model] = self.waiting(model) + len(arriving)
        if known := self._requests.get(request):
            known.waiting.extend(arriving)
            return
        order = (deadline, request)
        added = _Request(request, model, owner, priority, order, alone, rows, arriving)
        self._requests[request] = added
        self._busy += priority > IDLE
        owners = self._queues.setdefault(model, {}).setdefault(priority, {})
        insort(owners.setdefault(owner, []), added, key=_by_order)

    def turn(
        self,
        model: str,
        rows: int,
        slots: int,
        left: Mapping[int, float] | None = None,
        closing: bool = False,
    ) -> Turn[L]:
        """Decide which lanes have rows from now on; holds until something is added or ends.

        Args:
            model: Whose lanes.
            rows: Rows that the tick shall have at most. A lane that alone asks for more runs by
                itself.
            slots: Free slots for lanes that have not started.
            left: Ticks that lanes still need, by ticket; without it they do not take turns.
            closing: Whether no lane shall start any more.
        """
        in_slots = self._in_slots.setdefault(model, {})
        turn: Turn[L] = Turn([] if closing else self._evict(model, rows, slots), [], [], [])
        slots = 0 if closing else slots + len(turn.evict)
        shares = self._shares(model, rows, slots)
        fresh = {request: max(share - request.slots, 0) for request, share in shares.items()}
        spare = slots - sum(fresh.values())
        for request, share in shares.items():
            further = len(request.waiting) - fresh[request]
            if left is not None and further <= spare:
                further = min(further, share - fresh[request])
                fresh[request] += further
                spare -= further
        for request in {**in_slots, **{request.id: request for request in shares}}.values():
            starting = fresh.get(request, 0)
            self._run_or_pause(request, shares.get(request, 0) - starting, left or {}, turn)
            self._start(request, starting, turn)
            if request.slots:
                in_slots[request.id] = request
        return turn

    def _evict(self, model: str, rows: int, slots: int) -> list[int]:
        """Let idle lanes, the newest first, wait again for want of slots; return their tickets."""
        idle = [each for each in self._in_slots[model].values() if each.priority <= IDLE]
        if not (idle and self.busy):
            return []
        requests = self._requests.values()
        others = (each for each in requests if each.model == model and each.priority > IDLE)
        wanting = sum(len(each.waiting) for each in others)
        in_slots = (ticket for each in idle for ticket in each.running + each.paused)
        evicted = sorted(in_slots, reverse=True)[: max(min(wanting, rows) - slots, 0)]
        for ticket in evicted:
            request, lane = self._owners.pop(ticket)
            (request.running if ticket in request.running else request.paused).remove(ticket)
            request.waiting.appendleft(lane)
            self._waiting[model] += 1
            if not request.slots:
                del self._in_slots[model][request.id]
        return evicted

    def _shares(self, model: str, rows: int, slots: int) -> dict[_Request[L], int]:
        """Lanes that each request may run."""
        shares: dict[_Request[L], int] = {}
        left = rows
        queues = self._queues.get(model, {})
        # There are rows for an owner's first requests only; but those that hold slots may go on
        # where no slot is left for others to start.
        in_slots: dict[tuple[int, str], list[_Request[L]]] = {}
        for request in self._in_slots.get(model, {}).values():
            in_slots.setdefault((request.priority, request.owner), []).append(request)
        for priority in sorted(queues, reverse=True):
            if priority <= IDLE and self.busy:
                break
            owners = []
            for owner, requests in queues[priority].items():
                able = {*requests[:rows], *in_slots.get((priority, owner), ())}
                wanting = sorted((-inf, request.order, request) for request in able)
                owners.append((0, wanting[0][:2], wanting))
            heapify(owners)
            while owners and left > 0:
                owned, _, wanting = heappop(owners)
                _, order, request = heappop(wanting)
                share = shares.get(request, 0)
                starts = share >= request.slots
                if (request.rows <= left or left == rows) and (slots > 0 or not starts):
                    shares[request] = share + 1
                    slots -= starts
                    left -= request.rows
                    owned += request.rows
                    if share + 1 < request.unfinished:
                        heappush(wanting, (request.alone, order, request))
                if wanting:
                    heappush(owners, (owned, wanting[0][:2], wanting))
        return shares

    def _run_or_pause(
        self, request: _Request[L], count: int, left: Mapping[int, float], turn: Turn[L]
    ) -> None:
        """Let so many of the lanes that hold slots run, those with most left; pause the others.

        Among equals those go on that ran before, the ones that were started first.
        """
        lanes = sorted(request.running + request.paused, key=lambda ticket: -left.get(ticket, 0))
        chosen = {*lanes[:count]}
        turn.pause.extend(ticket for ticket in request.running if ticket not in chosen)
        turn.resume.extend(ticket for ticket in request.paused if ticket in chosen)
        request.paused = sorted(ticket for ticket in lanes if ticket not in chosen)
        request.running = sorted(chosen)

    def _start(self, request: _Request[L], count: int, turn: Turn[L]) -> None:
        for _ in range(count):
            ticket = next(self._tickets)
            lane = request.waiting.popleft()
            turn.start.append((ticket, lane))
            self._waiting[request.model] -= 1
            request.running.append(ticket)
            self._owners[ticket] = request, lane

    def under_way(self, model: str) -> Iterator[tuple[float, list[int], L | None]]:
        """Yield the deadline, lanes in slots and next lane of every request that holds a slot."""
        for request in self._in_slots.get(model, {}).values():
            following = request.waiting[0] if request.waiting else None
            yield request.order[0], request.running + request.paused, following

    def finish(self, ticket: int) -> None:
        """Take note that a running lane has left its slot."""
        request, _ = self._owners.pop(ticket)
        request.running.remove(ticket)
        if not request.unfinished:
            self._forget(request)
        elif not request.slots:
            del self._in_slots[request.model][request.id]

    def cancel(self, request: int) -> tuple[str, list[int]] | None:
        """Forget a request; return its model and the tickets of its lanes that hold slots.

        ``None`` if no such request is queued or running, which a late cancellation may well find.
        """
        cancelled = self._requests.get(request)
        if cancelled is None:
            return None
        tickets = sorted(cancelled.running + cancelled.paused)
        for ticket in tickets:
            del self._owners[ticket]
        self._waiting[cancelled.model] -= len(cancelled.waiting)
        self._forget(cancelled)
        return cancelled.model, tickets

    def _forget(self, request: _Request[L]) -> None:
        del self._requests[request.id]
        self._busy -= request.priority > IDLE
        self._in_slots.get(request.model, {}).pop(request.id, None)
        queues = self._queues[request.model]
        owners = queues[request.priority]
        requests = owners[request.owner]
        del requests[bisect_left(requests, request.order, key=_by_order)]
        if not requests:
            del owners[request.owner]
        if not owners:
            del queues[request.priority]

    def requests(self, model: str) -> list[int]:
        """Return the requests of the model that have lanes, oldest first."""
        return [request.id for request in self._requests.values() if request.model == model]

    def waiting(self, model: str) -> int:
        """Return the number of lanes of the model that have not started."""
        return self._waiting.get(model, 0)
