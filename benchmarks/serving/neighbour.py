"""Processes that want a core for themselves for 5 s in every 30."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

EVERY_S, BUSY_S, FIRST_S = 30.0, 5.0, 2.0
"""Seconds from one turn to the next, of a turn, and before the first one."""


@contextlib.contextmanager
def neighbours(count: int, core: int) -> Iterator[None]:
    """Keep so many on this core; none if there are to be none."""
    command = [sys.executable, "-S", __file__]
    busy = [
        subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        for _ in range(count)
    ]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
            each.wait()


def busy_at(seconds: float) -> bool:
    """Whether they are at work so long after they were started."""
    return seconds >= FIRST_S and (seconds - FIRST_S) % EVERY_S < BUSY_S


def main() -> None:
    """Be one of them, until killed."""
    begun = time.monotonic()
    while True:
        if not busy_at(time.monotonic() - begun):
            time.sleep(0.01)


if __name__ == "__main__":
    main()
