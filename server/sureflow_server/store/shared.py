"""The store that several servers share: Redis."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError, RedisError

from sureflow_server.store.connections import connections
from sureflow_server.store.errors import (
    DamagedHandleError,
    ExpiredHandleError,
    HandleTooLargeError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    UnknownHandleError,
)
from sureflow_server.store.handle import OVERHEAD, Handle, is_id
from sureflow_server.store.store import (
    MAX_STEP,
    REMEMBER_S,
    REMEMBERED,
    Clock,
    Entry,
    Page,
    Usage,
    check_steps,
)

log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""To answer; large frames take a while."""

MORE = b"more"
"""What a script answers that has not removed all that has to go first."""

MOST_CALLS = 10_000
"""For one operation, each of which removes as much as it may; Redis answers others in between."""


class SharedStore:
    """A :class:`~sureflow_server.store.store.Store` in Redis, for any number of servers.

    Each call is one script, which Redis runs as a whole or not at all. The budget is that of all
    servers together, and its count lives in Redis. The clock is that of Redis. What was put is as
    durable as Redis is set up to be. Redis 5 or newer, not a cluster.

    When Redis is gone, calls raise ``StoreUnavailableError``; when it is back, they work again.
    """

    def __init__(self, redis: Redis, max_bytes: int, prefix: str, clock: Clock | None) -> None:
        self._redis = redis
        self._script = redis.register_script(
            files("sureflow_server.store").joinpath("shared.lua").read_text()
        )
        self._max_bytes = max_bytes
        self._prefix = prefix
        self._clock = clock
        self._evictions = 0

    trouble: str | None = None
    damaged = 0

    @classmethod
    async def open(
        cls, url: str, max_bytes: int, prefix: str = "sureflow:", clock: Clock | None = None
    ) -> SharedStore:
        """Open the store in a Redis.

        Args:
            url: ``redis://``, ``rediss://`` (TLS) or ``unix://``; with user, password and number of
                the database, if need be.
            max_bytes: The budget; servers that share the store should agree on it.
            prefix: Of all keys, so that others may use the same Redis.
            clock: Seconds since the epoch; ``None`` is that of Redis.

        Raises:
            StoreUnavailableError: Redis does not answer.
            StoreError: It does not let us in, or is set up to drop any key for want of memory.
        """
        store = cls(Redis.from_pool(connections(url, ANSWER_S)), max_bytes, prefix, clock)
        try:
            await store._check_memory()
            await store.sweep()
        except BaseException as error:
            await store.close()
            if _refused(error):  # what may pass while it serves is a mistake at the start
                raise StoreError(f"Redis does not let us in: {error.__cause__}") from error
            raise
        return store

    async def put(self, handle: Handle, frames: Mapping[int, bytes]) -> Handle:
        """See :meth:`~sureflow_server.store.store.Store.put`."""
        check_steps(frames)
        if handle.nbytes > self._max_bytes:
            raise HandleTooLargeError(
                f"the handle has {handle.nbytes} bytes, the store has room for {self._max_bytes}"
            )
        status, *rest = await self._run(
            "put",
            handle.id,
            repr(handle.expires - handle.created),
            handle.owner,
            handle.model,
            handle.model_version,
            handle.note,
            handle.recipe,
            handle.sample,
            *_flat(frames),
        )
        if status == b"full":
            raise StoreFullError(
                f"live handles leave no room for {handle.nbytes} bytes more"
                f" within {self._max_bytes}"
            )
        evicted, kept = rest
        self._evictions += evicted
        if len(kept) > 2:
            return _handle(handle.id, kept)
        created, expires = kept
        return replace(handle, created=float(created), expires=float(expires))

    async def get(self, id: str, owner: str | None = None) -> Handle:
        """See :meth:`~sureflow_server.store.store.Store.get`."""
        (kept,) = await self._of(id, "get", *_given(owner))
        return _handle(id, kept)

    async def frame(self, id: str, at_most: int) -> tuple[int, bytes] | None:
        """See :meth:`~sureflow_server.store.store.Store.frame`."""
        found = await self._of(id, "frame", min(at_most, MAX_STEP))
        return (found[0], found[1]) if found else None

    async def frames(self, id: str) -> list[tuple[int, int]]:
        """See :meth:`~sureflow_server.store.store.Store.frames`."""
        (sizes,) = await self._of(id, "frames")
        return sorted(
            (int(step), int(size) - OVERHEAD)
            for step, size in zip(sizes[::2], sizes[1::2], strict=True)
            if step.isdigit() and size.isdigit()
        )

    async def add_frames(self, id: str, frames: Mapping[int, bytes]) -> None:
        """See :meth:`~sureflow_server.store.store.Store.add_frames`."""
        check_steps(frames)
        (evicted,) = await self._of(id, "add_frames", *_flat(frames))
        self._evictions += evicted

    async def delete(self, id: str, owner: str | None = None) -> None:
        """See :meth:`~sureflow_server.store.store.Store.delete`."""
        await self._of(id, "delete", *_given(owner))

    async def owned(self, owner: str, limit: int = 100, before: int | None = None) -> Page:
        """See :meth:`~sureflow_server.store.store.Store.owned`."""
        top = "" if before is None else before
        _, entries, *more = await self._run("owned", owner, limit, top)
        read = (_entry(id, kept) for id, kept in entries)
        listed = tuple(entry for entry in read if entry is not None)
        return Page(listed, int(float(more[0])) if more else None)

    async def sweep(self) -> int:
        """See :meth:`~sureflow_server.store.store.Store.sweep`."""
        swept = 0
        for _ in range(MOST_CALLS):
            status, evicted, removed = await self._call("sweep")
            self._evictions += evicted
            swept += removed
            if status != MORE:
                break
        return swept

    async def usage(self) -> Usage:
        """See :meth:`~sureflow_server.store.store.Store.usage`."""
        nbytes, handles, frames = await self._run("usage")
        return Usage(nbytes, self._max_bytes, handles, frames, self._evictions)

    async def close(self) -> None:
        """See :meth:`~sureflow_server.store.store.Store.close`."""
        await self._redis.aclose()

    async def _of(self, id: str, operation: str, *arguments: str | bytes | int) -> list[Any]:
        """Run an operation on one handle."""
        if not is_id(id):
            raise UnknownHandleError(id)
        status, *rest = await self._run(operation, id, *arguments)
        if status == b"unknown":
            raise UnknownHandleError(id)
        if status == b"expired":
            raise ExpiredHandleError(id)
        return rest

    async def _run(self, operation: str, *arguments: str | bytes | int) -> list[Any]:
        for _ in range(MOST_CALLS):
            answer = await self._call(operation, *arguments)
            if answer[0] != MORE:
                return answer
            self._evictions += answer[1]
        raise StoreUnavailableError(f"Redis: room was not made in {MOST_CALLS} calls")

    async def _call(self, operation: str, *arguments: str | bytes | int) -> list[Any]:
        now = "" if self._clock is None else repr(self._clock())
        given = [operation, now, self._max_bytes, OVERHEAD, REMEMBER_S, REMEMBERED, *arguments]
        try:
            answer: list[Any] = await self._script([self._prefix], given)
        except RedisError as error:
            raise _translated(error) from error
        return answer

    async def _check_memory(self) -> None:
        """Refuse a Redis that may drop live handles."""
        try:
            memory = await self._redis.info("memory")
        except NoPermissionError:
            log.warning("Redis does not tell its maxmemory-policy; it must not be allkeys-*")
            return
        except RedisError as error:
            raise _translated(error) from error
        policy = memory["maxmemory_policy"]
        if memory["maxmemory"] and policy.startswith("allkeys"):
            raise StoreError(
                f"Redis may drop live handles: its maxmemory-policy is {policy};"
                " set noeviction or one of volatile-*"
            )


def _translated(error: RedisError) -> StoreError:
    if isinstance(error, OutOfMemoryError) or "OOM command not allowed" in str(error):
        return StoreFullError("Redis has no memory left")
    return StoreUnavailableError(f"Redis: {error}")


def _refused(error: BaseException | None) -> bool:
    """Whether Redis does not let us in; while connecting, an error of the network wraps that."""
    refusals = (AuthenticationError, NoPermissionError)
    return error is not None and (isinstance(error, refusals) or _refused(error.__cause__))


def _given(owner: str | None) -> tuple[str, ...]:
    return () if owner is None else (owner,)


def _flat(frames: Mapping[int, bytes]) -> list[int | bytes]:
    return [part for frame in frames.items() for part in frame]


def _handle(id: str, kept: list[bytes | None]) -> Handle:
    present = [value for value in kept if value is not None]
    if len(present) < len(kept):
        raise DamagedHandleError(id)
    owner, model, version, created, expires, note, recipe, sample = present
    try:
        return Handle(
            id=id,
            owner=owner.decode(),
            model=model.decode(),
            model_version=version.decode(),
            created=float(created),
            expires=float(expires),
            note=note,
            recipe=recipe,
            sample=sample,
        )
    except ValueError as error:
        raise DamagedHandleError(id) from error


def _entry(id: bytes, kept: list[bytes | None]) -> Entry | None:
    """Return a handle as it is listed; ``None`` if it is not what was put."""
    present = [value for value in kept if value is not None]
    if len(present) < len(kept):
        return None
    model, version, created, expires, note, nbytes = present
    try:
        return Entry(
            id=id.decode(),
            model=model.decode(),
            model_version=version.decode(),
            created=float(created),
            expires=float(expires),
            note=note,
            nbytes=int(nbytes),
        )
    except ValueError:
        return None
