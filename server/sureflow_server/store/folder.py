"""The embedded store as one thread sees it: an index and files in a folder that is ours alone."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from sureflow_server.store.audit import Audit
from sureflow_server.store.errors import (
    DamagedHandleError,
    ExpiredHandleError,
    StoreError,
    StoreUnavailableError,
    UnknownHandleError,
)
from sureflow_server.store.files import Files
from sureflow_server.store.handle import Handle, is_id
from sureflow_server.store.index import Index
from sureflow_server.store.leaving import Leaving
from sureflow_server.store.lock import lock
from sureflow_server.store.pairing import refuse_without_index, sealed
from sureflow_server.store.payloads import files_of, frame_file, recipe_file, sample_file
from sureflow_server.store.room import Room
from sureflow_server.store.row import Row
from sureflow_server.store.store import MAX_STEP, REMEMBER_S, Clock, Page, Usage, check_steps

log = logging.getLogger(__name__)


class Folder:
    """The store, one call at a time; see :class:`~sureflow_server.store.store.Store`.

    Files are written before the index says that they are there, and removed after it says that
    they are not: whenever the process ends, what the index has is complete. Only where the disk has
    no room for the index to say so, and for what nobody can ask for any more, files go first.

    Attributes:
        trouble: What keeps anything from being kept, as :meth:`check` last found it, if anything.

    Raises:
        StoreLockedError: Another server has it.
        StoreDamagedError: Index and payloads do not belong together, or the index is damaged.
    """

    def __init__(self, path: Path, max_bytes: int, clock: Clock) -> None:
        self.path = path
        self.clock = clock
        self.trouble: str | None = None
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        with ExitStack() as opened:
            opened.callback(os.close, lock(path / "lock"))
            self.files = Files(path / "payloads")
            opened.callback(self.files.close)
            refuse_without_index(path / "index.sqlite3", self.files)
            self.index = Index(path / "index.sqlite3")
            opened.callback(self.index.close)
            self.audit = Audit(self.index, self.files, partial(self.check, writing=False))
            self.seal = sealed(self.index, self.files)
            self.leaving = Leaving(self.index, self.files)
            self.room = Room(max_bytes, clock, self.index, self.files, self.leaving)
            with suppress(sqlite3.OperationalError):  # on a full disk, what is there can be read
                self.leaving.find()
                self._expire()
                if not self.leaving:
                    self.audit.begin()
                with self.index.transaction():
                    self.room.keep({})
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let go of the folder."""
        self.leaving.settle()
        self._opened.close()

    def put(self, wanted: Sequence[tuple[Handle, Mapping[int, bytes]]]) -> list[Handle | Exception]:
        """Keep handles, each as if they came one by one; return each or why it was not kept."""
        self._expire()
        files: dict[str, bytes] = {}
        with self._removed_unless_entered(files), self.index.transaction():
            self.leaving.enter()
            kept = [self._admit(handle, frames, files) for handle, frames in wanted]
            failed = self._write(files)
        if not failed:
            self.leaving.entered()
        return [failed.get(each.id, each) if isinstance(each, Handle) else each for each in kept]

    def get(self, id: str, owner: str | None = None) -> Handle:
        """Return a handle."""
        row = self._live(id, owner)
        self.check(writing=False)
        if (payloads := self.audit.read(row)) is None:
            raise DamagedHandleError(id)
        return Handle(*row[:7], *payloads)

    def frame(self, id: str, at_most: int) -> tuple[int, bytes] | None:
        """Return the last frame at this step or before."""
        self._live(id)
        self.check(writing=False)
        at_most = min(at_most, MAX_STEP)
        while (found := self.index.frame(id, at_most)) is not None:
            step, nbytes, digest = found
            data = self.files.read(frame_file(id, step), nbytes, digest)
            # What can only be read on a full disk is read there.
            with suppress(sqlite3.OperationalError), self.index.transaction(durable=False):
                if data is None:
                    self.index.remove_frames([(id, step)])
                else:
                    self.index.touch(id, step)
            if data is not None:
                return step, data
            log.warning("frame %d of %s is damaged and will be made again", step, id)
            self.files.remove([frame_file(id, step)])
            at_most = step - 1
        return None

    def frames(self, id: str) -> list[tuple[int, int]]:
        """Return which frames there are."""
        self._live(id)
        self.check(writing=False)
        return self.index.frames(id)

    def add_frames(self, id: str, frames: Mapping[int, bytes]) -> None:
        """Keep frames that were made again."""
        check_steps(frames)
        owner = self._live(id).owner
        self._expire()
        there = {step for step, _ in self.index.frames(id)}
        new = {step: data for step, data in frames.items() if step not in there}
        chosen = self.room.fitting(new)
        files = {frame_file(id, step): data for step, data in chosen.items()}
        with self._removed_unless_entered(files), self.index.transaction():
            self._enter_frames(id, owner, chosen)
            self.room.keep(files)
            for error in self.files.write(files).values():
                raise error

    def delete(self, id: str, owner: str | None = None) -> None:
        """Remove a handle."""
        self._live(id, owner)
        self.check(writing=False)
        self.leaving.delete(id)

    def owned(self, owner: str, limit: int = 100, before: int | None = None) -> Page:
        """Return an owner's handles."""
        self.check(writing=False)
        found = self.index.owned(owner, self.clock(), limit + 1, before)
        page = found[:limit]
        entries = tuple(entry for _, entry in page if entry.id not in self.leaving)
        return Page(entries, page[-1][0] if len(found) > limit else None)

    def sweep(self) -> int:
        """Remove what has expired, and look whether a few handles are as they were left."""
        swept = self._expire()
        self.audit.step()
        return swept

    def check(self, *, writing: bool = True) -> None:
        """Return if index and payloads are there and, for ``writing``, can be written to.

        Raises:
            StoreUnavailableError: They are not, or cannot.
        """
        lost = self.index.broken() or self.seal.broken()
        self.trouble = lost or self._read_only()
        if lost is not None:
            raise StoreUnavailableError(
                f"{self.path}: {lost}; put back what was there, or stop the server and move"
                f" {self.path} away to begin with an empty store"
            )
        if writing and self.trouble is not None:
            raise StoreUnavailableError(f"{self.path}: {self.trouble}")

    def usage(self) -> Usage:
        """Return how full it is."""
        return self.index.usage(self.room.max_bytes, self.room.evictions)

    def _read_only(self) -> str | None:
        for path in (self.files.folder, self.index.path):
            if not os.access(path, os.W_OK, effective_ids=True):
                return f"{path.name} cannot be written to"
        return None

    def _live(self, id: str, owner: str | None = None) -> Row:
        row = self.index.find(id) if is_id(id) and id not in self.leaving else None
        now = self.clock()
        if row is not None and owner not in (None, row.owner):
            raise UnknownHandleError(id)
        if row is not None and now < row.expires:
            return row
        if row is not None or (is_id(id) and self.index.remembers(id, now)):
            raise ExpiredHandleError(id)
        raise UnknownHandleError(id)

    def _admit(
        self, handle: Handle, frames: Mapping[int, bytes], files: dict[str, bytes]
    ) -> Handle | Exception:
        """Enter a handle, unless it is there already, and add its files to those to write."""
        try:
            check_steps(frames)
            if (row := self.index.find(handle.id)) is not None:
                return self._there(row, files)
            self.room.find(handle, files)
        except (ValueError, StoreError, OSError) as error:
            return error
        now = self.clock()
        handle = replace(handle, created=now, expires=now + (handle.expires - handle.created))
        self.index.add(handle)
        chosen = self.room.fitting(frames)
        self._enter_frames(handle.id, handle.owner, chosen)
        files |= files_of(handle, chosen)
        self.room.keep(files)
        return handle

    def _write(self, files: Mapping[str, bytes]) -> dict[str, OSError]:
        """Write the files of handles; return what went wrong, by handle, and leave those out."""
        wrong = self.files.write(files)
        failed = {_id(name): error for name, error in wrong.items()}
        self.files.remove(name for name in files if _id(name) in failed)
        if failed and failed.keys() >= {_id(name) for name in files}:
            self.index.roll_back()
        else:
            for id in failed:
                self.index.remove(id)
        return failed

    def _there(self, row: Row, files: Mapping[str, bytes]) -> Handle:
        """Return a handle that has been put, perhaps a moment ago."""
        if (recipe := files.get(recipe_file(row.id))) is not None:
            return Handle(*row[:7], recipe, files[sample_file(row.id)])
        if (payloads := self.audit.read(row)) is None:
            raise DamagedHandleError(row.id)
        return Handle(*row[:7], *payloads)

    def _expire(self) -> int:
        """Remove what has expired, which nobody can ask for any more; return how many it was."""
        self.check()
        self.leaving.settle()
        now = self.clock()
        ids = self.index.expired(now)
        self.files.remove([name for id in ids for name in self.leaving.names(id)])
        with self.index.transaction(durable=False):
            self.index.expire(now, now + REMEMBER_S)
        return len(ids)

    def _enter_frames(self, id: str, owner: str, frames: Mapping[int, bytes]) -> None:
        # What matters most goes last when room is wanted.
        for step, data in reversed(list(frames.items())):
            self.index.add_frame(id, owner, step, data)

    @contextmanager
    def _removed_unless_entered(self, names: Iterable[str]) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.files.remove(names)
            raise


def _id(file: str) -> str:
    return file.partition(".")[0]
