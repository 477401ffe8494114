"""The index of the embedded store: what there is, how large, and when it was used, in SQLite."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sureflow_server.store.errors import StoreDamagedError
from sureflow_server.store.files import digest
from sureflow_server.store.handle import OVERHEAD, Handle
from sureflow_server.store.row import COLUMNS, Row
from sureflow_server.store.store import REMEMBERED, Entry, Usage
from sureflow_server.store.tables import FROM_1, NEW, VERSION


class Index:
    """Tables in one file. Belongs to the thread that opened it.

    Attributes:
        number: Tells it from any other index; see :class:`~sureflow_server.store.seal.Seal`.

    Raises:
        StoreDamagedError: The file holds something else, or half of it, or that of a later version.
    """

    def __init__(self, path: Path) -> None:
        # SQLite would make it, and its journal beside it, readable to others.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self.path = path
        try:
            self._open("NORMAL")
        except sqlite3.OperationalError:  # a full disk has no room for the memory that others share
            self._open("EXCLUSIVE")
        self._inode = path.stat().st_ino

    def _open(self, locking: str) -> None:
        self.database = sqlite3.connect(self.path, isolation_level=None)
        try:
            self.database.execute(f"PRAGMA locking_mode = {locking}")
            self._prepare()
        except BaseException:
            self.database.close()
            raise

    def _prepare(self) -> None:
        run = self.database.execute
        try:
            run("PRAGMA journal_mode = WAL")
            (found,) = run("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError:  # it cannot be read at present
            raise
        except sqlite3.DatabaseError as error:
            found = str(error)
        if found != "ok":
            raise StoreDamagedError(f"{self.path.name} is damaged: {found}", self.path.parent)
        run("PRAGMA synchronous = FULL")
        run("PRAGMA foreign_keys = ON")
        self._bring_up_to_date(run("PRAGMA user_version").fetchone()[0])
        self.number: int = run("PRAGMA application_id").fetchone()[0]
        self._last_use: int = run("SELECT ifnull(max(used), 0) FROM frame").fetchone()[0]

    def _bring_up_to_date(self, version: int) -> None:
        if version > VERSION:
            raise StoreDamagedError(
                f"{self.path.name} was made by a later version of the server ({version})",
                self.path.parent,
            )
        if version < VERSION:
            number = secrets.randbelow(2**31 - 1) + 1
            self.database.executescript(
                f"BEGIN IMMEDIATE; {FROM_1 if version == 1 else NEW}"
                f" PRAGMA application_id = {number}; PRAGMA user_version = {VERSION}; COMMIT"
            )

    def broken(self) -> str | None:
        """Return what has happened to the file since it was opened; ``None`` if it is there."""
        try:
            found = self.path.stat()
        except OSError as error:
            return f"{self.path.name} cannot be found: {error.strerror}"
        if found.st_ino != self._inode or not found.st_size:
            return f"{self.path.name} has been emptied or exchanged"
        return None

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """Do all of the body or nothing.

        A ``durable`` one outlives a loss of power, not only the end of the process, at the price of
        a write to the disk.
        """
        run = self.database.execute
        run(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        run("BEGIN IMMEDIATE")
        try:
            yield
            if self.database.in_transaction:
                run("COMMIT")
        except BaseException:
            if self.database.in_transaction:
                run("ROLLBACK")
            raise

    def roll_back(self) -> None:
        """Let the transaction under way come to nothing."""
        self.database.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def usage(self, max_bytes: int, evictions: int) -> Usage:
        """Return how full the store is."""
        handles, handle_bytes, frames, frame_bytes = self._total()
        return Usage(handle_bytes + frame_bytes, max_bytes, handles, frames, evictions)

    @property
    def nbytes(self) -> int:
        """Bytes of everything."""
        _, handle_bytes, _, frame_bytes = self._total()
        return handle_bytes + frame_bytes

    @property
    def handle_nbytes(self) -> int:
        """Bytes of handles without their frames."""
        return self._total()[1]

    def _total(self) -> tuple[int, int, int, int]:
        found: tuple[int, int, int, int] = self.database.execute("SELECT * FROM total").fetchone()
        return found

    def add(self, handle: Handle) -> None:
        """Enter a handle."""
        self.database.execute(
            "INSERT INTO handle VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                handle.id,
                handle.owner,
                handle.model,
                handle.model_version,
                handle.created,
                handle.expires,
                handle.note,
                len(handle.recipe),
                digest(handle.recipe),
                len(handle.sample),
                digest(handle.sample),
                handle.nbytes,
            ),
        )

    def find(self, id: str) -> Row | None:
        """Return a handle."""
        query = f"SELECT {COLUMNS} FROM handle WHERE id = ?"
        found = self.database.execute(query, (id,)).fetchone()
        return None if found is None else Row.of(found)

    def owned(
        self, owner: str, now: float, limit: int, before: int | None
    ) -> list[tuple[int, Entry]]:
        """Return handles that are live, newest first, each with its place in the order."""
        found = self.database.execute(
            "SELECT seq, id, model, model_version, created, expires, note, nbytes FROM handle"
            " WHERE owner = ? AND expires > ? AND seq < ? ORDER BY seq DESC LIMIT ?",
            (owner, now, 2**63 - 1 if before is None else before, limit),
        )
        return [(row[0], Entry(*row[1:])) for row in found]

    def greediest(self) -> tuple[str, int]:
        """Return the owner of most bytes of handles, and how many that is."""
        found: tuple[str, int] | None = self.database.execute(
            "SELECT owner, handle_bytes FROM owner ORDER BY handle_bytes DESC, owner DESC LIMIT 1"
        ).fetchone()
        return found or ("", 0)

    def held(self, owner: str) -> int:
        """Return the bytes of an owner's handles."""
        query = "SELECT handle_bytes FROM owner WHERE owner = ?"
        found = self.database.execute(query, (owner,)).fetchone()
        return found[0] if found else 0

    def oldest(self, owner: str) -> str:
        """Return the handle of an owner that was put first."""
        query = "SELECT id FROM handle WHERE owner = ? ORDER BY seq LIMIT 1"
        found: tuple[str] = self.database.execute(query, (owner,)).fetchone()
        return found[0]

    def displace(self, id: str, until: float) -> None:
        """Remove a handle before its time, and remember until then that it has been there."""
        self.database.execute("INSERT OR REPLACE INTO gone VALUES (?, ?)", (id, until))
        self.remove(id)

    def remove(self, id: str) -> None:
        """Remove a handle and its frames."""
        self.database.execute("DELETE FROM handle WHERE id = ?", (id,))

    def expired(self, now: float) -> list[str]:
        """Return the handles whose time is over."""
        return self._ids("SELECT id FROM handle WHERE expires <= ?", now)

    def after(self, seq: int, limit: int) -> list[tuple[int, Row]]:
        """Return at most so many handles that were put after another, each with its place."""
        found = self.database.execute(
            f"SELECT seq, {COLUMNS} FROM handle WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
        )
        return [(row[0], Row.of(row[1:])) for row in found]

    def payloads(self) -> Iterator[tuple[str, int, int]]:
        """Yield id and lengths of recipe and sample of every handle."""
        yield from self.database.execute("SELECT id, recipe_bytes, sample_bytes FROM handle")

    def _ids(self, query: str, *values: float) -> list[str]:
        return [id for (id,) in self.database.execute(query, values)]

    def expire(self, now: float, until: float) -> None:
        """Remove handles whose time is over, and remember until then that they have been there."""
        run = self.database.execute
        expired = "FROM handle WHERE expires <= ?"
        run(f"INSERT OR REPLACE INTO gone SELECT id, ? {expired}", (until, now))
        run(f"DELETE {expired}", (now,))
        run("DELETE FROM gone WHERE until <= ?", (now,))
        run(
            "DELETE FROM gone WHERE until <="
            " (SELECT until FROM gone ORDER BY until DESC LIMIT 1 OFFSET ?)",
            (REMEMBERED,),
        )

    def remembers(self, id: str, now: float) -> bool:
        """Whether there was such a handle."""
        query = "SELECT 1 FROM gone WHERE id = ? AND until > ?"
        return self.database.execute(query, (id, now)).fetchone() is not None

    def add_frame(self, id: str, owner: str, step: int, data: bytes) -> None:
        """Enter a frame of a handle of this owner as the one used last."""
        self.database.execute(
            "INSERT INTO frame (id, owner, step, payload, digest, nbytes, used)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (id, owner, step, len(data), digest(data), len(data) + OVERHEAD, self._use()),
        )

    def frame(self, id: str, at_most: int) -> tuple[int, int, bytes] | None:
        """Return step, length and digest of the last frame at this step or before."""
        found: tuple[int, int, bytes] | None = self.database.execute(
            "SELECT step, payload, digest FROM frame WHERE id = ? AND step <= ?"
            " ORDER BY step DESC LIMIT 1",
            (id, at_most),
        ).fetchone()
        return found

    def frames(self, id: str) -> list[tuple[int, int]]:
        """Return step and length of a handle's frames, by step."""
        query = "SELECT step, payload FROM frame WHERE id = ? ORDER BY step"
        return self.database.execute(query, (id,)).fetchall()

    def all_frames(self) -> list[tuple[str, int, int]]:
        """Return handle, step and length of every frame."""
        return self.database.execute("SELECT id, step, payload FROM frame").fetchall()

    def stalest(self) -> tuple[str, int] | None:
        """Return the frame not used for longest of whoever has most bytes of frames."""
        found: tuple[str, int] | None = self.database.execute(
            "SELECT id, step FROM frame WHERE owner ="
            " (SELECT owner FROM owner ORDER BY frame_bytes DESC, owner DESC LIMIT 1)"
            " ORDER BY used LIMIT 1"
        ).fetchone()
        return found

    def touch(self, id: str, step: int) -> None:
        """Note that a frame was used just now."""
        query = "UPDATE frame SET used = ? WHERE id = ? AND step = ?"
        self.database.execute(query, (self._use(), id, step))

    def remove_frames(self, frames: Iterable[tuple[str, int]]) -> None:
        """Remove frames, each given by its handle and step."""
        self.database.executemany("DELETE FROM frame WHERE id = ? AND step = ?", frames)

    def _use(self) -> int:
        self._last_use += 1
        return self._last_use
