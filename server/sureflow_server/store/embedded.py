"""The default store: SQLite and safetensors files in a folder of this machine."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sureflow_server.store.errors import StoreFullError, StoreUnavailableError
from sureflow_server.store.folder import Folder
from sureflow_server.store.handle import Handle
from sureflow_server.store.store import Clock

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

P = ParamSpec("P")
T = TypeVar("T")


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


async def _run(
    thread: ThreadPoolExecutor, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    with _clear_errors():
        return await asyncio.get_running_loop().run_in_executor(
            thread, lambda: call(*args, **kwargs)
        )


def _called(
    method: Callable[Concatenate[Folder, P], T],
) -> Callable[Concatenate[EmbeddedStore, P], Coroutine[Any, Any, T]]:
    """A method of the folder as one of the store; see :class:`~sureflow_server.store.Store`."""

    async def call(store: EmbeddedStore, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await _run(store.thread, method, store.folder, *args, **kwargs)

    return call


@dataclass(frozen=True, slots=True)
class _Put:
    handle: Handle
    frames: Mapping[int, bytes]
    done: Future[Handle]


class EmbeddedStore:
    """A :class:`~sureflow_server.store.store.Store` in a folder, for one server.

    What was put survives ``kill -9`` and, as far as the disk keeps its word, a loss of power.

    All calls go through one thread, in the order in which they came: SQLite has one writer anyway,
    and the budget is never judged by two calls at once. Puts that wait for it are done together.
    """

    def __init__(self, folder: Folder, thread: ThreadPoolExecutor) -> None:
        self.folder = folder
        self.thread = thread
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
            StoreDamagedError: It is not what it was left as.
            StoreUnavailableError: It cannot be read or written.
        """
        thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            folder = await _run(thread, Folder, path, max_bytes, clock)
        except BaseException:
            thread.shutdown()
            raise
        return cls(folder, thread)

    @property
    def trouble(self) -> str | None:
        """See :attr:`~sureflow_server.store.store.Store.trouble`."""
        return self.folder.trouble

    @property
    def damaged(self) -> int:
        """See :attr:`~sureflow_server.store.store.Store.damaged`."""
        return len(self.folder.audit.damaged)

    async def put(self, handle: Handle, frames: Mapping[int, bytes]) -> Handle:
        """See :meth:`~sureflow_server.store.store.Store.put`."""
        put = _Put(handle, frames, Future())
        self._waiting.append(put)
        with _clear_errors():
            self.thread.submit(self._put_waiting)
            return await asyncio.wrap_future(put.done)

    get = _called(Folder.get)
    frame = _called(Folder.frame)
    frames = _called(Folder.frames)
    add_frames = _called(Folder.add_frames)
    delete = _called(Folder.delete)
    owned = _called(Folder.owned)
    sweep = _called(Folder.sweep)
    usage = _called(Folder.usage)

    async def close(self) -> None:
        """See :meth:`~sureflow_server.store.store.Store.close`."""
        await _run(self.thread, self.folder.close)
        self.thread.shutdown()

    def _put_waiting(self) -> None:
        """Put all that wait; those who asked later find that it has happened."""
        batch: list[_Put] = []
        while self._waiting:
            put = self._waiting.popleft()
            if put.done.set_running_or_notify_cancel():
                batch.append(put)
        try:
            results = self.folder.put([(put.handle, put.frames) for put in batch])
        except Exception as error:
            results = [error] * len(batch)
        for put, result in zip(batch, results, strict=True):
            if isinstance(result, Handle):
                put.done.set_result(result)
            else:
                put.done.set_exception(result)
