"""Answers that are kept for a while, so that a request can be sent twice and done once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

from fastapi.responses import Response

OVERHEAD_BYTES = 1024
"""Counted for every answer, so that small ones are bounded in number as well."""

REPLAYED = "Idempotency-Replayed"


class ReusedKeyError(Exception):
    """The key stands for another request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept of a response."""

    fingerprint: bytes
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    expires: float

    @property
    def size(self) -> int:
        """Bytes that it is counted with."""
        head = sum(len(name) + len(value) for name, value in self.headers)
        return OVERHEAD_BYTES + head + len(self.body)

    def response(self) -> Response:
        """Return the same answer again, and say that it is."""
        response = Response(self.body, self.status)
        response.raw_headers = [*self.headers, (REPLAYED.lower().encode(), b"true")]
        return response


@dataclass(slots=True)
class _UnderWay:
    fingerprint: bytes
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Replays:
    """Does what comes under one key of one owner once, and answers the same for a while.

    Who asks again while it is being done waits for :meth:`busy`. An answer that is no success is
    not kept, and neither is one of more than ``max_bytes``: the key is free again. When all kept
    answers take more than that, the oldest of whoever has most go first, so that nobody can drive
    out the answers of the others.

    Args:
        max_bytes: Of all answers together.
        lifetime_s: Seconds for which an answer is kept.
        clock: Of the lifetimes.

    Attributes:
        size: Bytes that the kept answers are counted with.
    """

    def __init__(
        self, max_bytes: int, lifetime_s: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._max_bytes = max_bytes
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._under_way: dict[tuple[str, str], _UnderWay] = {}
        self._kept: dict[str, OrderedDict[str, Answer]] = {}
        self._sizes: dict[str, int] = {}
        self.size = 0

    def busy(self, owner: str, key: str, fingerprint: bytes) -> asyncio.Event | None:
        """Return what is set when the one who does it now has done it; ``None`` if nobody does.

        Raises:
            ReusedKeyError: The key stands for another request.
        """
        under_way = self._under_way.get((owner, key))
        if under_way is None:
            return None
        _check(under_way.fingerprint, fingerprint)
        return under_way.done

    async def once(
        self, owner: str, key: str, fingerprint: bytes, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Return the answer to ``work``, from now or from before; nobody must be busy with it.

        Raises:
            ReusedKeyError: The key stands for another request.
        """
        if answer := self._find(owner, key):
            _check(answer.fingerprint, fingerprint)
            return answer.response()
        mine = self._under_way[owner, key] = _UnderWay(fingerprint)
        try:
            response = await work()
            # A stream has no body to keep.
            if response.status_code < 400 and isinstance(getattr(response, "body", None), bytes):
                self._keep(owner, key, fingerprint, response)
            return response
        finally:
            del self._under_way[owner, key]
            mine.done.set()

    def _find(self, owner: str, key: str) -> Answer | None:
        self._expire(owner)
        return self._kept[owner].get(key) if owner in self._kept else None

    def _keep(self, owner: str, key: str, fingerprint: bytes, response: Response) -> None:
        answer = Answer(
            fingerprint,
            response.status_code,
            tuple(response.raw_headers),
            bytes(response.body),
            self._clock() + self._lifetime_s,
        )
        if answer.size > self._max_bytes:
            return
        self._kept.setdefault(owner, OrderedDict())[key] = answer
        self._sizes[owner] = self._sizes.get(owner, 0) + answer.size
        self.size += answer.size
        if self.size > self._max_bytes:
            for other in list(self._kept):
                self._expire(other)
        while self.size > self._max_bytes:
            self._drop_oldest(max(self._sizes, key=self._sizes.__getitem__))

    def _expire(self, owner: str) -> None:
        now = self._clock()
        while (kept := self._kept.get(owner)) and next(iter(kept.values())).expires <= now:
            self._drop_oldest(owner)

    def _drop_oldest(self, owner: str) -> None:
        _, answer = self._kept[owner].popitem(last=False)
        self.size -= answer.size
        self._sizes[owner] -= answer.size
        if not self._kept[owner]:
            del self._kept[owner], self._sizes[owner]


def _check(known: bytes, fingerprint: bytes) -> None:
    if known != fingerprint:
        raise ReusedKeyError("the key has been used with another path, Accept header or body")
