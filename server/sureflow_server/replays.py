"""Answers that are kept for a while, so that a request can be sent twice and done once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from fastapi.responses import Response

from sureflow_server.api.encoded import Encoded

OVERHEAD_BYTES = 1024
"""Counted for every answer, so that small ones are bounded in number as well."""

REPLAYED = "Idempotency-Replayed"


class ReusedKeyError(Exception):
    """The key stands for another request."""


class BusyKeyError(Exception):
    """The request is being done at this moment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept of a response."""

    fingerprint: bytes
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @classmethod
    def of(cls, response: Response, fingerprint: bytes) -> Answer | None:
        """Return what is kept of a response; ``None`` if it is no success, or a stream."""
        body = getattr(response, "body", None)
        if response.status_code >= 400 or not isinstance(body, bytes):
            return None
        return cls(fingerprint, response.status_code, tuple(response.raw_headers), body)

    @property
    def size(self) -> int:
        """Bytes that it is counted with."""
        head = sum(len(name) + len(value) for name, value in self.headers)
        return OVERHEAD_BYTES + head + len(self.body)

    def response(self, fingerprint: bytes) -> Response:
        """Return the same answer again, and say that it is.

        Raises:
            ReusedKeyError: It is the answer to another request than this one.
        """
        check(self.fingerprint, fingerprint)
        response = Encoded((self.body,), self.status)
        response.raw_headers = [*self.headers, (REPLAYED.lower().encode(), b"true")]
        return response


class Replays:
    """Does the work of one key of one owner once, and gives the same answer again for a while.

    An answer that is no success is not kept, and neither is one of more than ``max_bytes``: the key
    is free again. When all kept answers take more than that, the owner with the most bytes loses
    the oldest first, so that no owner can drive out the answers of the others.

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
        self._under_way: dict[tuple[str, str], tuple[bytes, asyncio.Event]] = {}
        self._kept: dict[str, OrderedDict[str, tuple[Answer, float]]] = {}
        self._sizes: dict[str, int] = {}
        self.size = 0

    async def replay_or_run(
        self, owner: str, key: str, fingerprint: bytes, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Return the answer to ``work``, from now or from before.

        Raises:
            BusyKeyError: Another request does it now; see :meth:`idle`.
            ReusedKeyError: The key stands for another request.
        """
        if under_way := self._under_way.get((owner, key)):
            check(under_way[0], fingerprint)
            raise BusyKeyError
        if answer := self._find(owner, key):
            return answer.response(fingerprint)
        done = asyncio.Event()
        self._under_way[owner, key] = fingerprint, done
        try:
            return await self._do(owner, key, fingerprint, work)
        finally:
            del self._under_way[owner, key]
            done.set()

    async def idle(self, owner: str, key: str) -> None:
        """Return when no request is doing it any more."""
        while under_way := self._under_way.get((owner, key)):
            await under_way[1].wait()

    async def _do(
        self, owner: str, key: str, fingerprint: bytes, work: Callable[[], Awaitable[Response]]
    ) -> Response:
        response = await work()
        if answer := Answer.of(response, fingerprint):
            self._keep(owner, key, answer)
        return response

    def _find(self, owner: str, key: str) -> Answer | None:
        self._expire(owner)
        kept = self._kept.get(owner)
        return kept[key][0] if kept is not None and key in kept else None

    def _keep(self, owner: str, key: str, answer: Answer) -> None:
        if answer.size > self._max_bytes:
            return
        expires = self._clock() + self._lifetime_s
        self._kept.setdefault(owner, OrderedDict())[key] = answer, expires
        self._sizes[owner] = self._sizes.get(owner, 0) + answer.size
        self.size += answer.size
        if self.size > self._max_bytes:
            for other in list(self._kept):
                self._expire(other)
        while self.size > self._max_bytes:
            self._drop_oldest(max(self._sizes, key=self._sizes.__getitem__))

    def _expire(self, owner: str) -> None:
        now = self._clock()
        while (kept := self._kept.get(owner)) and next(iter(kept.values()))[1] <= now:
            self._drop_oldest(owner)

    def _drop_oldest(self, owner: str) -> None:
        _, (answer, _) = self._kept[owner].popitem(last=False)
        self.size -= answer.size
        self._sizes[owner] -= answer.size
        if not self._kept[owner]:
            del self._kept[owner], self._sizes[owner]


def check(known: bytes, fingerprint: bytes) -> None:
    """Refuse another request than the one that the key stands for.

    Raises:
        ReusedKeyError: It is another one.
    """
    if known != fingerprint:
        raise ReusedKeyError("the key has been used with another path, Accept header or body")
