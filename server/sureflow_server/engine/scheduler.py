"""Which lane runs next: bookkeeping alone, without tensors, clocks or input and output."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

L = TypeVar("L")


@dataclass(slots=True)
class _Request(Generic[L]):
    id: int
    model: str
    waiting: deque[L]
    running: set[int] = field(default_factory=set)


class Scheduler(Generic[L]):
    """Queues of lanes, one per model, from which requests are served in turns.

    A free slot goes to the request whose turn it is, and that request then goes to the back: among
    ``r`` waiting requests each gets one of the next ``r`` slots, however many lanes it brought.

    ``L`` is whatever the caller calls a lane; it is handed back untouched.
    """

    def __init__(self) -> None:
        self._requests: dict[int, _Request[L]] = {}
        self._turns: dict[str, deque[_Request[L]]] = {}
        self._owners: dict[int, _Request[L]] = {}
        self._tickets = count()

    def add(self, model: str, request: int, lanes: Iterable[L]) -> None:
        """Queue the lanes of a new request, in the order in which they are to start."""
        added = _Request(request, model, deque(lanes))
        if added.waiting:
            self._requests[request] = added
            self._turns.setdefault(model, deque()).append(added)

    def admit(self, model: str, free: int) -> list[tuple[int, L]]:
        """Take at most ``free`` lanes out of the queue; each gets a ticket, unique for ever."""
        admitted: list[tuple[int, L]] = []
        turns = self._turns.get(model) or deque()
        while turns and len(admitted) < free:
            request = turns.popleft()
            ticket = next(self._tickets)
            admitted.append((ticket, request.waiting.popleft()))
            request.running.add(ticket)
            self._owners[ticket] = request
            if request.waiting:
                turns.append(request)
        return admitted

    def finish(self, ticket: int) -> None:
        """Take note that an admitted lane has left its slot."""
        request = self._owners.pop(ticket)
        request.running.remove(ticket)
        if not request.running and not request.waiting:
            del self._requests[request.id]

    def cancel(self, request: int) -> tuple[str, list[int]] | None:
        """Forget a request; return its model and the tickets of its running lanes.

        ``None`` if no such request is queued or running, which a late cancellation may well find.
        """
        cancelled = self._requests.pop(request, None)
        if cancelled is None:
            return None
        if cancelled.waiting:
            self._turns[cancelled.model].remove(cancelled)
        for ticket in cancelled.running:
            del self._owners[ticket]
        return cancelled.model, sorted(cancelled.running)

    def waiting(self, model: str) -> int:
        """Return the number of lanes of the model that have no slot yet."""
        return sum(len(request.waiting) for request in self._turns.get(model, ()))
