"""The embedded store as one thread sees it: an index and files in a folder that is ours alone."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from sureflow_server.store.batch import Batch, counted
from sureflow_server.store.errors import (
    DamagedHandleError,
    ExpiredHandleError,
    HandleTooLargeError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    UnknownHandleError,
)
from sureflow_server.store.files import Files
from sureflow_server.store.handle import OVERHEAD, Handle, is_id
from sureflow_server.store.index import Index, Row
from sureflow_server.store.store import MAX_STEP, REMEMBER_S, Clock, Page, Usage, check_steps

log = logging.getLogger(__name__)


class Folder:
    """The store, one call at a time; see :class:`~sureflow_server.store.store.Store`.

    Files are written before the index says that they are there, and removed after it says that
    they are not: whenever the process ends, what the index has is complete.

    Raises:
        StoreLockedError: Another server has it.
    """

    def __init__(self, path: Path, max_bytes: int, clock: Clock) -> None:
        self.max_bytes = max_bytes
        self.clock = clock
        self.evictions = 0
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        with ExitStack() as opened:
            opened.callback(os.close, _lock(path / "lock"))
            self.index = Index(path / "index.sqlite3")
            opened.callback(self.index.close)
            self.files = Files(path / "payloads")
            opened.callback(self.files.close)
            self.sweep()
            self._recover()
            self._make_room(0, Batch())
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let go of the folder."""
        self._opened.close()

    def put(self, wanted: Sequence[tuple[Handle, Mapping[int, bytes]]]) -> list[Handle | Exception]:
        """Keep handles, each as if they came one by one; return each or why it was not kept."""
        self.sweep()
        batch = Batch()
        admitted = [self._admit(handle, frames, batch) for handle, frames in wanted]
        failed = self._write_batch(batch)
        return [
            failed.get(kept.id, kept) if isinstance(kept, Handle) else kept for kept in admitted
        ]

    def get(self, id: str) -> Handle:
        """Return a handle."""
        return self._read(self._live(id))

    def frame(self, id: str, at_most: int) -> tuple[int, bytes] | None:
        """Return the last frame at this step or before."""
        self._live(id)
        while (found := self.index.frame(id, min(at_most, MAX_STEP))) is not None:
            step, nbytes, digest = found
            data = self.files.read(_frame(id, step), nbytes, digest)
            if data is not None:
                with self.index.transaction(durable=False):
                    self.index.touch(id, step)
                return step, data
            log.warning("frame %d of %s is damaged and will be made again", step, id)
            self._drop([(id, step)])
        return None

    def frames(self, id: str) -> list[tuple[int, int]]:
        """Return which frames there are."""
        self._live(id)
        return self.index.frames(id)

    def add_frames(self, id: str, frames: Mapping[int, bytes]) -> None:
        """Keep frames that were made again."""
        check_steps(frames)
        self._live(id)
        self.sweep()
        there = {step for step, _ in self.index.frames(id)}
        new = {step: data for step, data in frames.items() if step not in there}
        chosen = _fitting(new, self.max_bytes - self.index.handle_nbytes)
        self._make_room(counted(chosen), Batch())
        files = {_frame(id, step): data for step, data in chosen.items()}
        with self._removed_unless_entered(files):
            for error in self.files.write(files).values():
                raise error
            with self.index.transaction():
                self._enter_frames(id, chosen)

    def delete(self, id: str) -> None:
        """Remove a handle."""
        self._live(id)
        names = self._names(id)
        with self.index.transaction():
            self.index.remove(id)
        self.files.remove(names)

    def owned(self, owner: str, limit: int = 100, before: int | None = None) -> Page:
        """Return an owner's handles."""
        found = self.index.owned(owner, self.clock(), limit + 1, before)
        page = found[:limit]
        return Page(tuple(entry for _, entry in page), page[-1][0] if len(found) > limit else None)

    def sweep(self) -> int:
        """Remove what has expired."""
        now = self.clock()
        ids = self.index.expired(now)
        names = [name for id in ids for name in self._names(id)]
        with self.index.transaction(durable=False):
            self.index.expire(now, now + REMEMBER_S)
        self.files.remove(names)
        return len(ids)

    def usage(self) -> Usage:
        """Return how full it is."""
        return self.index.usage(self.max_bytes, self.evictions)

    def _recover(self) -> None:
        """Bring index and files together again after a crash."""
        there = self.files.names()
        lost = [id for id in self.index.ids() if not {_recipe(id), _sample(id)} <= there]
        with self.index.transaction():
            for id in lost:
                log.error("handle %s has lost a file and is given up", id)
                self.index.remove(id)
            kept = self.index.all_frames()
            self.index.remove_frames(frame for frame in kept if _frame(*frame) not in there)
        known = {_frame(id, step) for id, step in self.index.all_frames()}
        for id in self.index.ids():
            known |= {_recipe(id), _sample(id)}
        self.files.remove(there - known)

    def _live(self, id: str) -> Row:
        row = self.index.find(id) if is_id(id) else None
        now = self.clock()
        if row is not None and now < row.expires:
            return row
        if row is not None or (is_id(id) and self.index.remembers(id, now)):
            raise ExpiredHandleError(id)
        raise UnknownHandleError(id)

    def _read(self, row: Row) -> Handle:
        recipe = self.files.read(_recipe(row.id), *row.recipe)
        sample = self.files.read(_sample(row.id), *row.sample)
        if recipe is None or sample is None:
            raise DamagedHandleError(row.id)
        return Handle(*row[:7], recipe, sample)

    def _admit(
        self, handle: Handle, frames: Mapping[int, bytes], batch: Batch
    ) -> Handle | Exception:
        """Find room for a handle and enter it in the batch, unless it is there already."""
        try:
            check_steps(frames)
            if handle.id in batch.puts:
                return batch.puts[handle.id][0]
            if (row := self.index.find(handle.id)) is not None:
                return self._read(row)
            chosen = _fitting(frames, self._room_beside(handle, batch))
            self._make_room(handle.nbytes + counted(chosen), batch)
        except (ValueError, StoreError, OSError) as error:
            return error
        now = self.clock()
        handle = replace(handle, created=now, expires=now + (handle.expires - handle.created))
        batch.add(handle, chosen)
        return handle

    def _room_beside(self, handle: Handle, batch: Batch) -> int:
        """Return how many bytes the frames of all handles may have once this one is there."""
        if handle.nbytes > self.max_bytes:
            raise HandleTooLargeError(
                f"the handle has {handle.nbytes} bytes, the store has room for {self.max_bytes}"
            )
        room = self.max_bytes - self.index.handle_nbytes - batch.handle_nbytes - handle.nbytes
        if room < 0:
            raise StoreFullError(
                f"live handles leave no room for {handle.nbytes} bytes more within {self.max_bytes}"
            )
        return room

    def _make_room(self, nbytes: int, batch: Batch) -> None:
        """Evict frames until there is room for so many bytes beside the batch, or none is left."""
        wanted = batch.handle_nbytes + batch.frame_nbytes + nbytes - self.max_bytes
        excess = self.index.nbytes + wanted
        if excess > 0:
            stale = self.index.stale(excess)
            self._drop(stale)
            self.evictions += len(stale)
            self.evictions += batch.evict(self.index.nbytes + wanted)

    def _drop(self, frames: Iterable[tuple[str, int]]) -> None:
        with self.index.transaction(durable=False):
            self.index.remove_frames(frames)
        self.files.remove(_frame(id, step) for id, step in frames)

    def _write_batch(self, batch: Batch) -> dict[str, OSError]:
        """Write files, then entries; return what went wrong with handles, by id."""
        files = {id: _files(*put) for id, put in batch.puts.items()}
        together = {name: data for of_one in files.values() for name, data in of_one.items()}
        with self._removed_unless_entered(together):
            wrong = self.files.write(together)
            failed = {
                id: wrong[name] for id, of_one in files.items() for name in of_one if name in wrong
            }
            self.files.remove(name for id in failed for name in files[id])
            with self.index.transaction():
                for id, (handle, frames) in batch.puts.items():
                    if id not in failed:
                        self.index.add(handle)
                        self._enter_frames(id, frames)
        return failed

    def _enter_frames(self, id: str, frames: Mapping[int, bytes]) -> None:
        # What matters most goes last when room is wanted.
        for step, data in reversed(list(frames.items())):
            self.index.add_frame(id, step, data)

    @contextmanager
    def _removed_unless_entered(self, names: Iterable[str]) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.files.remove(names)
            raise

    def _names(self, id: str) -> list[str]:
        frames = [_frame(id, step) for step, _ in self.index.frames(id)]
        return [_recipe(id), _sample(id), *frames]


def _lock(path: Path) -> int:
    """Take the folder; the lock ends with the process, however that ends."""
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException as error:
        os.close(file)
        if not isinstance(error, BlockingIOError):
            raise
        raise StoreLockedError(
            f"another server keeps its handles in {path.parent}; give this one a folder of its own"
        ) from None
    return file


def _fitting(frames: Mapping[int, bytes], room: int) -> dict[int, bytes]:
    """Return the frames for which there is room, those first that come first."""
    chosen: dict[int, bytes] = {}
    for step, data in frames.items():
        if len(data) + OVERHEAD <= room:
            chosen[step] = data
            room -= len(data) + OVERHEAD
    return chosen


def _files(handle: Handle, frames: Mapping[int, bytes]) -> dict[str, bytes]:
    return {
        _recipe(handle.id): handle.recipe,
        _sample(handle.id): handle.sample,
        **{_frame(handle.id, step): data for step, data in frames.items()},
    }


def _recipe(id: str) -> str:
    return f"{id}.recipe.safetensors"


def _sample(id: str) -> str:
    return f"{id}.sample.safetensors"


def _frame(id: str, step: int) -> str:
    return f"{id}.frame-{step}.safetensors"
