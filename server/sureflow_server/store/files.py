"""The payloads of the embedded store: files that are whole or of no account."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from sureflow_server.store.payloads import DELETED
from sureflow_server.store.seal import NAME

WRITERS = 8

UNREADABLE = (errno.ENOENT, errno.EIO)
"""The file itself is lost; all other failures may be over at the next attempt."""


def digest(data: bytes) -> bytes:
    """Return what tells these bytes from damaged ones."""
    return blake2b(data, digest_size=16).digest()


class Files:
    """Files in one folder, known by bare names.

    A file counts only once the index has its name, length and digest, and by then it is on the
    disk. So it may be written in place: what a crash leaves of one that does not count is litter.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Waiting for the disk together is much faster than one after another.
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="store-writer")

    def close(self) -> None:
        """End the threads."""
        self._writers.shutdown()

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each file in the folder; there are none if it is not there."""
        if not self.folder.is_dir():
            return {}
        with os.scandir(self.folder) as found:
            return {entry.name: entry.stat().st_size for entry in found if entry.name != NAME}

    def deleted(self) -> set[str]:
        """Return the handles that were deleted while the index could not be written."""
        return {name[: -len(DELETED)] for name in self.sizes() if name.endswith(DELETED)}

    def write(self, files: Mapping[str, bytes]) -> dict[str, OSError]:
        """Write files to the disk.

        Returns:
            What went wrong, by file. Such files may be there in part.
        """
        failures = self._writers.map(self._attempt, files.items())
        failed = {name: error for name, error in zip(files, failures, strict=True) if error}
        try:
            self._sync_folder()
        except OSError as error:
            return dict.fromkeys(files, error)
        return failed

    def read(self, name: str, nbytes: int, expected: bytes) -> bytes | None:
        """Return the bytes of a file, or ``None`` if they are not those that were written."""
        try:
            data = (self.folder / name).read_bytes()
        except OSError as error:
            if error.errno in UNREADABLE:
                return None
            raise
        return data if len(data) == nbytes and digest(data) == expected else None

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are not there do not matter."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def rename_empty(self, name: str, to: str) -> None:
        """Empty a file, if it is there, and give it another name; a full disk has room for that."""
        with suppress(FileNotFoundError):
            (self.folder / name).rename(self.folder / to)
            os.truncate(self.folder / to, 0)
            self._sync_folder()

    def _attempt(self, file: tuple[str, bytes]) -> OSError | None:
        try:
            self._write(*file)
        except OSError as error:
            return error
        return None

    def _write(self, name: str, data: bytes) -> None:
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        with open(os.open(self.folder / name, flags, 0o600), "wb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())

    def _sync_folder(self) -> None:
        """Sync the folder, so that the names of the files last as well as their contents."""
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
