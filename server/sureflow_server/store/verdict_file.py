"""The verdicts of one server: a SQLite file in a folder of this machine."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sureflow_server.store.errors import (
    StoreDamagedError,
    StoreUnavailableError,
    VerdictsFullError,
)
from sureflow_server.store.verdict import Place, Successor, Verdict

P = ParamSpec("P")
T = TypeVar("T")

NAME = "verdicts.sqlite3"
"""Of the file."""

VERSION = 3
"""Of its tables; a file of a later version is not touched."""

TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS verdict (
  model TEXT NOT NULL,
  model_version TEXT NOT NULL,
  stream TEXT NOT NULL,
  sample TEXT NOT NULL,
  reviewer TEXT NOT NULL,
  name TEXT NOT NULL,
  bad REAL NOT NULL,
  at REAL NOT NULL,
  facts TEXT NOT NULL,
  PRIMARY KEY (model, stream, sample, reviewer)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS verdict_at ON verdict (at);
CREATE TABLE IF NOT EXISTS draw (
  stream TEXT NOT NULL,
  number INTEGER NOT NULL,
  uncertainty REAL,
  PRIMARY KEY (stream, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offer (
  stream TEXT NOT NULL,
  number INTEGER NOT NULL,
  reviewer TEXT NOT NULL,
  until REAL NOT NULL,
  PRIMARY KEY (stream, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS withdrawn (
  certificate TEXT PRIMARY KEY,
  reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS served (
  version TEXT NOT NULL,
  kind TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (version, kind)
) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
COMMIT;
"""


def _in_thread(
    method: Callable[Concatenate[VerdictFile, P], T],
) -> Callable[Concatenate[VerdictFile, P], Coroutine[Any, Any, T]]:
    """A method that runs in the one thread that the file belongs to."""

    async def call(store: VerdictFile, /, *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(store.thread, lambda: method(store, *args, **kwargs))
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"the file of verdicts: {error}") from error

    return call


class VerdictFile:
    """A :class:`~sureflow_server.store.verdict_store.VerdictStore` in a file, for one server."""

    def __init__(self, path: Path, most: int) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="verdicts")
        self._path = path
        self._most = most
        self._database: sqlite3.Connection

    @classmethod
    async def open(cls, folder: Path, most: int) -> VerdictFile:
        """Open the file in a folder, and make both if they are not there.

        Args:
            folder: Where it is.
            most: Verdicts that it may hold.

        Raises:
            StoreDamagedError: The file holds something else, or that of a later version.
            StoreUnavailableError: It cannot be read or written.
        """
        store = cls(folder / NAME, most)
        try:
            await store._open()
        except BaseException:
            store.thread.shutdown()
            raise
        return store

    @_in_thread
    def _open(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite would make it readable to others.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreUnavailableError(f"the file of verdicts: {error}") from error
        self._database = sqlite3.connect(self._path, isolation_level=None)
        try:
            self._prepare()
        except BaseException as error:
            self._database.close()
            if isinstance(error, sqlite3.OperationalError):  # it cannot be read at present
                raise
            if isinstance(error, sqlite3.DatabaseError):
                reason = f"{self._path.name} is damaged: {error}"
                raise StoreDamagedError(reason, self._path.parent) from error
            raise

    def _prepare(self) -> None:
        run = self._database.execute
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        (found,) = run("PRAGMA quick_check(1)").fetchone()
        (version,) = run("PRAGMA user_version").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        if version > VERSION:
            reason = f"{self._path.name} was made by a later version of the server ({version})"
            raise StoreDamagedError(reason, self._path.parent)
        if version < VERSION:
            self._database.executescript(TABLES)

    @_in_thread
    def put(self, verdicts: Sequence[Verdict], gone: Sequence[Place] = ()) -> None:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.put`."""
        run = self._database.execute
        run("BEGIN IMMEDIATE")
        try:
            for place in gone:
                where = "model = ? AND stream = ? AND sample = ? AND reviewer = ?"
                run(f"DELETE FROM verdict WHERE {where}", place)
            for each in verdicts:
                run("INSERT OR REPLACE INTO verdict VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _row(each))
            if verdicts and run("SELECT count(*) FROM verdict").fetchone()[0] > self._most:
                raise VerdictsFullError(self._most)
            run("COMMIT")
        except BaseException:
            run("ROLLBACK")
            raise

    @_in_thread
    def verdicts(self, model: str, stream: str | None = None) -> list[Verdict]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.verdicts`."""
        where, values = ("", (model,)) if stream is None else (" AND stream = ?", (model, stream))
        query = f"SELECT * FROM verdict WHERE model = ?{where} ORDER BY at, sample, reviewer"
        return [Verdict(*row) for row in self._database.execute(query, values)]

    @_in_thread
    def extend(self, stream: str, first: int, uncertainties: Sequence[float]) -> None:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.extend`."""
        rows = [(stream, first + place, value) for place, value in enumerate(uncertainties)]
        run = self._database.execute
        run("BEGIN IMMEDIATE")
        self._database.executemany("INSERT OR IGNORE INTO draw VALUES (?, ?, ?)", rows)
        run("COMMIT")

    @_in_thread
    def draws(self, stream: str) -> list[float]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.draws`."""
        query = "SELECT number, uncertainty FROM draw WHERE stream = ? ORDER BY number"
        rows = self._database.execute(query, (stream,))
        # SQLite keeps a number that is none as nothing.
        known = {number: float("nan") if value is None else value for number, value in rows}
        return [value for place, (number, value) in enumerate(known.items()) if place == number]

    @_in_thread
    def offer(
        self, stream: str, reviewer: str, numbers: Sequence[int], now: float, until: float
    ) -> list[int]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.offer`."""
        query = "SELECT number FROM offer WHERE stream = ? AND reviewer != ? AND until > ?"
        run = self._database.execute
        run("BEGIN IMMEDIATE")
        taken = {number for (number,) in run(query, (stream, reviewer, now))}
        free = [number for number in numbers if number not in taken]
        rows = [(stream, number, reviewer, until) for number in free]
        self._database.executemany("INSERT OR REPLACE INTO offer VALUES (?, ?, ?, ?)", rows)
        run("COMMIT")
        return free

    @_in_thread
    def offered(self, stream: str) -> dict[int, tuple[str, float]]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.offered`."""
        query = "SELECT number, reviewer, until FROM offer WHERE stream = ?"
        return {row[0]: row[1:] for row in self._database.execute(query, (stream,))}

    @_in_thread
    def withdraw(self, certificate: str, reason: str) -> bool:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.withdraw`."""
        run = self._database.execute
        new = run("INSERT OR IGNORE INTO withdrawn VALUES (?, ?)", (certificate, reason)).rowcount
        run("UPDATE withdrawn SET reason = ? WHERE certificate = ?", (reason, certificate))
        return new > 0

    @_in_thread
    def restore(self, certificate: str) -> bool:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.restore`."""
        query = "DELETE FROM withdrawn WHERE certificate = ?"
        return self._database.execute(query, (certificate,)).rowcount > 0

    @_in_thread
    def withdrawn(self) -> dict[str, str]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.withdrawn`."""
        return dict(self._database.execute("SELECT certificate, reason FROM withdrawn").fetchall())

    @_in_thread
    def count(self, version: str, served: Mapping[str, int]) -> None:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.count`."""
        query = """INSERT INTO served VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET count = count + excluded.count"""
        rows = [(version, kind, number) for kind, number in served.items()]
        run = self._database.execute
        run("BEGIN IMMEDIATE")
        self._database.executemany(query, rows)
        run("COMMIT")

    @_in_thread
    def counted(self, version: str) -> dict[str, int]:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.counted`."""
        query = "SELECT kind, count FROM served WHERE version = ?"
        return dict(self._database.execute(query, (version,)).fetchall())

    async def succeed(self, model: str, versions: Sequence[str], version: str, data: bytes) -> None:
        """Nobody else is told: the folder of the model has it."""

    async def successors(self) -> dict[str, Successor]:
        """Return nothing, since nobody else changes anything."""
        return {}

    async def successor(self, model: str) -> bytes | None:
        """Return nothing, likewise."""
        return None

    async def close(self) -> None:
        """See :meth:`~sureflow_server.store.verdict_store.VerdictStore.close`."""
        await asyncio.get_running_loop().run_in_executor(self.thread, self._database.close)
        self.thread.shutdown()


def _row(verdict: Verdict) -> tuple[str | float, ...]:
    return tuple(getattr(verdict, name) for name in Verdict.__slots__)
