"""Reads files that end: no pipes and no devices, and no more of them than is allowed."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def check_regular(path: Path) -> None:
    """Check that a path, if there is anything, is a file with an end: no pipe and no device.

    Raises:
        ValueError: It is one of those, which whoever opens it may wait for.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError("is no regular file, and is not read")


def read_regular(path: Path, most: int) -> bytes:
    """Read a file of so many bytes at most, and wait for nobody who may never write to it.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no file, or a larger one.
    """
    # A pipe would be waited for as soon as it is opened.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("is no regular file, and is not read")
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"larger than {most} bytes")
    return data
