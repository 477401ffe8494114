"""Processes by the one that they descend from."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """Return the children of a process; none if there is no such process."""
    found: list[int] = []
    for of_thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, of_thread.read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    return [pid, *(below for child in children(pid) for below in descendants(child))]
