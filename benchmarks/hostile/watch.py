"""Processes that watch a server from beside it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import NamedTuple

PATIENCE_S = 90.0


class Reading(NamedTuple):
    """What was seen once, by the clock of the machine."""

    begun: float
    ended: float
    value: float


class Watch:
    """A process that watches, and what it has seen."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.readings: list[Reading] = []
        self._process = process
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def between(self, since: float, until: float) -> list[float]:
        """Return what was seen in a time, that which began before its end included.

        Raises:
            TimeoutError: It is not heard of any more.
        """
        give_up = time.monotonic() + PATIENCE_S
        while not self.readings or self.readings[-1].begun < until:
            if time.monotonic() > give_up:
                raise TimeoutError("who watches the server is not heard of")
            time.sleep(0.05)
        return [each.value for each in self.readings if each.begun <= until and each.ended >= since]

    def join(self) -> None:
        """Wait until all has been read that it said, once it has ended."""
        self._thread.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self.readings.append(Reading(*map(float, line.split())))


@contextmanager
def watching(module: str, *arguments: str) -> Iterator[Watch]:
    """Have a process watch, which is one of this package."""
    command = [sys.executable, "-m", f"benchmarks.hostile.{module}", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    watch = Watch(process)
    try:
        yield watch
    finally:
        process.kill()
        process.wait()
        watch.join()
