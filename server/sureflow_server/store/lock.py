"""The lock that gives a folder to one server alone."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sureflow_server.store.errors import StoreLockedError


def lock(path: Path) -> int:
    """Take the folder; the lock ends with the process, however that ends.

    Returns:
        The descriptor that holds it.

    Raises:
        StoreLockedError: Another server has the folder.
    """
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
