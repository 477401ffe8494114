"""The default store: SQLite and safetensors files in a folder of this machine."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from sureflow_server.store.errors import StoreFullError, StoreUnavailableError
from sureflow_server.store.folder import Folder
from sureflow_server.store.handle import Handle
from sureflow_server.store.store import Clock, Page, Usage

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

P = ParamSpec("P")
T = TypeVar("T")


class EmbeddedStore:
    """A :class:`~sureflow_server.store.store.Store` in a folder, for one server.

    What was put survives ``kill -9`` and, as far as the disk keeps its word, a loss of power.

    All calls go through one thread, in the order in which they came: SQLite has one writer anyway,
    and the budget is never judged by two calls at once. Puts that wait for it are done together.
    """

    def __init__(self, folder: Folder, thread: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._thread = thread
        self._waiting: deque[_Put] = deque()

    @classmethod
    async def open(cls, path: Path, max_bytes: int, clock: Clock = time.time) -> EmbeddedStore:
        """Open the store in a folder, and make one if there is none.

        Args:
            path: The folder; nothing else should be in it.
            max_bytes: The budget. If it is smaller than it was, frames go at once, handles live on.
            clock: Seconds since the epoch.

        Raises:
            StoreLockedError: Another server has the folder.
            StoreUnavailableError: It cannot be read or written.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            folder = await _run(thread, Folder, path, max_bytes, clock)
        except BaseException:
            thread.shutdown()
            raise
        return cls(folder, thread)

    async def put(self, handle: Handle, frames: Mapping[int, bytes]) -> Handle:
        """See :meth:`~sureflow_server.store.store.Store.put`."""
        put = _Put(handle, frames, Future())
        self._waiting.append(put)
        with _clear_errors():
            self._thread.submit(self._put_waiting)
            return await asyncio.wrap_future(put.done)

    async def get(self, id: str) -> Handle:
        """See :meth:`~sureflow_server.store.store.Store.get`."""
        return await _run(self._thread, self._folder.get, id)

    async def frame(self, id: str, at_most: int) -> tuple[int, bytes] | None:
        """See :meth:`~sureflow_server.store.store.Store.frame`."""
        return await _run(self._thread, self._folder.frame, id, at_most)

    async def frames(self, id: str) -> list[tuple[int, int]]:
        """See :meth:`~sureflow_server.store.store.Store.frames`."""
        return await _run(self._thread, self._folder.frames, id)

    async def add_frames(self, id: str, frames: Mapping[int, bytes]) -> None:
        """See :meth:`~sureflow_server.store.store.Store.add_frames`."""
        await _run(self._thread, self._folder.add_frames, id, frames)

    async def delete(self, id: str) -> None:
        """See :meth:`~sureflow_server.store.store.Store.delete`."""
        await _run(self._thread, self._folder.delete, id)

    async def owned(self, owner: str, limit: int = 100, before: int | None = None) -> Page:
        """See :meth:`~sureflow_server.store.store.Store.owned`."""
        return await _run(self._thread, self._folder.owned, owner, limit, before)

    async def sweep(self) -> int:
        """See :meth:`~sureflow_server.store.store.Store.sweep`."""
        return await _run(self._thread, self._folder.sweep)

    async def usage(self) -> Usage:
        """See :meth:`~sureflow_server.store.store.Store.usage`."""
        return await _run(self._thread, self._folder.usage)

    async def close(self) -> None:
        """See :meth:`~sureflow_server.store.store.Store.close`."""
        await _run(self._thread, self._folder.close)
        self._thread.shutdown()

    def _put_waiting(self) -> None:
        """Put all that wait; those who asked later find that it has happened."""
        batch: list[_Put] = []
        while self._waiting:
            put = self._waiting.popleft()
            if put.done.set_running_or_notify_cancel():
                batch.append(put)
        try:
            results = self._folder.put([(put.handle, put.frames) for put in batch])
        except Exception as error:
            results = [error] * len(batch)
        for put, result in zip(batch, results, strict=True):
            if isinstance(result, Handle):
                put.done.set_result(result)
            else:
                put.done.set_exception(result)


@dataclass(frozen=True, slots=True)
class _Put:
    handle: Handle
    frames: Mapping[int, bytes]
    done: Future[Handle]


async def _run(
    thread: ThreadPoolExecutor, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    with _clear_errors():
        return await asyncio.get_running_loop().run_in_executor(
            thread, lambda: call(*args, **kwargs)
        )


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Say in the words of the store what the system or SQLite complains about."""
    try:
        yield
    except OSError as error:
        kind = StoreFullError if error.errno in NO_ROOM else StoreUnavailableError
        raise kind(f"the folder of handles: {error}") from error
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        kind = StoreFullError if full else StoreUnavailableError
        raise kind(f"the index of handles: {error}") from error
