"""The index of the embedded store: what there is, how large, and when it was used, in SQLite."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sureflow_server.store.errors import StoreError
from sureflow_server.store.files import digest
from sureflow_server.store.handle import OVERHEAD, Handle
from sureflow_server.store.store import REMEMBERED, Entry, Usage

VERSION = 1
"""Of the tables; an index of another version is not touched."""

TABLES = """
CREATE TABLE handle (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  model TEXT NOT NULL,
  model_version TEXT NOT NULL,
  created REAL NOT NULL,
  expires REAL NOT NULL,
  note BLOB NOT NULL,
  recipe_bytes INTEGER NOT NULL,
  recipe_digest BLOB NOT NULL,
  sample_bytes INTEGER NOT NULL,
  sample_digest BLOB NOT NULL,
  nbytes INTEGER NOT NULL
);
CREATE INDEX handle_owner ON handle (owner, seq);
CREATE INDEX handle_expires ON handle (expires);
CREATE TABLE frame (
  id TEXT NOT NULL REFERENCES handle (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  payload INTEGER NOT NULL,
  digest BLOB NOT NULL,
  nbytes INTEGER NOT NULL,
  used INTEGER NOT NULL,
  PRIMARY KEY (id, step)
) WITHOUT ROWID;
CREATE INDEX frame_used ON frame (used);
CREATE TABLE gone (id TEXT PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX gone_until ON gone (until);
CREATE TABLE total (handles INTEGER, handle_bytes INTEGER, frames INTEGER, frame_bytes INTEGER);
INSERT INTO total VALUES (0, 0, 0, 0);
CREATE TRIGGER handle_in AFTER INSERT ON handle BEGIN
  UPDATE total SET handles = handles + 1, handle_bytes = handle_bytes + new.nbytes; END;
CREATE TRIGGER handle_out AFTER DELETE ON handle BEGIN
  UPDATE total SET handles = handles - 1, handle_bytes = handle_bytes - old.nbytes; END;
CREATE TRIGGER frame_in AFTER INSERT ON frame BEGIN
  UPDATE total SET frames = frames + 1, frame_bytes = frame_bytes + new.nbytes; END;
CREATE TRIGGER frame_out AFTER DELETE ON frame BEGIN
  UPDATE total SET frames = frames - 1, frame_bytes = frame_bytes - old.nbytes; END;
"""


class Row(NamedTuple):
    """A handle without its files, and what they must be like."""

    id: str
    owner: str
    model: str
    model_version: str
    created: float
    expires: float
    note: bytes
    recipe: tuple[int, bytes]
    sample: tuple[int, bytes]


class Index:
    """Tables in one file. Belongs to the thread that opened it."""

    def __init__(self, path: Path) -> None:
        # SQLite would make it, and its journal beside it, readable to others.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self.database = sqlite3.connect(path, isolation_level=None)
        try:
            self._prepare(path)
        except BaseException:
            self.database.close()
            raise

    def _prepare(self, path: Path) -> None:
        run = self.database.execute
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA foreign_keys = ON")
        (version,) = run("PRAGMA user_version").fetchone()
        if version == 0:
            self.database.executescript(
                f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT"
            )
        elif version != VERSION:
            raise StoreError(f"{path} was made by another version of the server ({version})")
        self._last_use: int = run("SELECT ifnull(max(used), 0) FROM frame").fetchone()[0]

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
            run("COMMIT")
        except BaseException:
            if self.database.in_transaction:
                run("ROLLBACK")
            raise

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
        found = self.database.execute(
            "SELECT id, owner, model, model_version, created, expires, note,"
            " recipe_bytes, recipe_digest, sample_bytes, sample_digest FROM handle WHERE id = ?",
            (id,),
        ).fetchone()
        return None if found is None else Row._make((*found[:7], found[7:9], found[9:]))

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

    def remove(self, id: str) -> None:
        """Remove a handle and its frames."""
        self.database.execute("DELETE FROM handle WHERE id = ?", (id,))

    def expired(self, now: float) -> list[str]:
        """Return the handles whose time is over."""
        return self._ids("SELECT id FROM handle WHERE expires <= ?", now)

    def ids(self) -> list[str]:
        """Return all handles."""
        return self._ids("SELECT id FROM handle")

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

    def add_frame(self, id: str, step: int, data: bytes) -> None:
        """Enter a frame as the one used last."""
        self.database.execute(
            "INSERT INTO frame VALUES (?, ?, ?, ?, ?, ?)",
            (id, step, len(data), digest(data), len(data) + OVERHEAD, self._use()),
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

    def all_frames(self) -> list[tuple[str, int]]:
        """Return handle and step of every frame."""
        return self.database.execute("SELECT id, step FROM frame").fetchall()

    def stale(self, nbytes: int) -> list[tuple[str, int]]:
        """Return the frames not used for longest that together make this many bytes."""
        chosen: list[tuple[str, int]] = []
        for id, step, size in self.database.execute(
            "SELECT id, step, nbytes FROM frame ORDER BY used"
        ):
            if nbytes <= 0:
                break
            chosen.append((id, step))
            nbytes -= size
        return chosen

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
