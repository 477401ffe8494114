"""The keys that a running server accepts."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from hmac import compare_digest
from pathlib import Path

from sureflow_server.keys.file import KeyFileError, read
from sureflow_server.keys.key import Key
from sureflow_server.keys.token import digest, key_id

log = logging.getLogger(__name__)

NOBODY = digest("")
"""Compared with where there is no such key, so that this takes as long."""


class RefusedKeyError(Exception):
    """The token is not accepted. Only who holds the whole of it learns why."""


class KeyRing:
    """Knows the keys of a file, and notices when it changes.

    A file that becomes unreadable changes nothing: the keys stay what they were, and the log says
    so.

    Args:
        path: The file.
        now: Wall clock; keys expire by it.

    Raises:
        KeyFileError: The file cannot be used.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now
        self._stamp = _stamp(path)
        self._keys = {key.id: key for key in read(path)}

    def authenticate(self, token: str) -> Key:
        """Return the key of a token.

        Raises:
            RefusedKeyError: There is none, or it has expired or been revoked.
        """
        self._refresh()
        key = self._keys.get(key_id(token) or "")
        known = compare_digest(digest(token), NOBODY if key is None else key.digest)
        if key is None or not known:
            raise RefusedKeyError("the API key is unknown")
        state = key.state(self._now())
        if state != "active":
            raise RefusedKeyError(f"the API key {key.id} is {state}")
        return key

    def _refresh(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = {key.id: key for key in read(self._path)}
        except KeyFileError as error:
            log.error("the API keys stay as they were: %s", error)
        else:
            log.info("the API keys have changed: there are %d", len(self._keys))


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What differs when the file has been replaced or written to."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
