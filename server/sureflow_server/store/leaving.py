"""Handles that have lost their files, and of which the index cannot be told yet."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from sureflow_server.store.files import Files
from sureflow_server.store.index import Index
from sureflow_server.store.payloads import deleted_file, frame_file, recipe_file, sample_file


class Leaving:
    """The handles that are in the index and that nobody can ask for any more.

    A disk that is full has no room to write into the index that a handle is gone. So its files go
    first, which makes some, and an empty file says what the index will be told.
    """

    def __init__(self, index: Index, files: Files) -> None:
        self._index = index
        self._files = files
        self._ids: set[str] = set()

    def __contains__(self, id: str) -> bool:
        return id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def find(self) -> None:
        """Find those that an earlier process has left."""
        self._ids = self._files.deleted()

    def names(self, id: str) -> list[str]:
        """Return the names of all files of a handle."""
        frames = [frame_file(id, step) for step, _ in self._index.frames(id)]
        return [recipe_file(id), sample_file(id), *frames]

    def add(self, id: str) -> None:
        """Take note that the files of a handle go in the transaction under way."""
        self._ids.add(id)

    def delete(self, id: str) -> None:
        """Remove a handle, from the index first where that has room to say so."""
        names = self.names(id)
        try:
            with self._index.transaction():
                self._index.remove(id)
        except sqlite3.OperationalError:
            self._files.rename_empty(recipe_file(id), deleted_file(id))
            self._files.remove(names)
            self._ids.add(id)
            self.settle()
        else:
            self._files.remove(names)

    def enter(self) -> None:
        """Tell the index, in the transaction under way."""
        for id in self._ids:
            self._index.remove(id)

    def entered(self) -> None:
        """The transaction has ended well; nothing is left to be told."""
        self._files.remove(map(deleted_file, self._ids))
        self._ids.clear()

    def settle(self) -> None:
        """Tell the index, if the disk has room for that."""
        if self._ids:
            with suppress(sqlite3.OperationalError):
                with self._index.transaction():
                    self.enter()
                self.entered()
