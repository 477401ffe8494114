"""A process that judges samples, from inside and from outside.

The process imports a judge when it is first asked for it, so that only this process has what the
judge needs. It ends when the server does.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import EntryPoint
from math import isfinite
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

DIED = "the process of the judge died"

START_S = 60.0
"""For a process to start, which is no part of a judge's time."""


def run(connection: Connection) -> None:
    """Judge what comes through a pipe until it closes."""
    for number in (signal.SIGINT, signal.SIGTERM):  # of a group; the server drains and then ends
        signal.signal(number, signal.SIG_IGN)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.stdout = sys.stderr  # what a judge prints is no message of the server
    connection.send(None)  # it has started
    while True:
        try:
            reference, sample = connection.recv()
        except EOFError:
            return
        connection.send(_judged(reference, sample))


def _judged(reference: str, sample: Any) -> tuple[float | None, str]:
    """What the judge says, or why it says nothing."""
    try:
        (value,) = map(float, _imported(reference)([sample]))
    except BaseException as error:  # somebody else's code may raise anything
        return None, f"the judge failed with {type(error).__name__}: {error}"
    return (value, "") if isfinite(value) else (None, "the judge gave no finite number")


@cache
def _imported(reference: str) -> Callable[[list[Any]], Sequence[float]]:
    judge: Callable[[list[Any]], Sequence[float]] = EntryPoint("judge", reference, "").load()
    return judge


class JudgeProcess:
    """Such a process, seen from a thread that waits for it. It starts when it is needed."""

    def __init__(self) -> None:
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    def ask(self, reference: str, sample: Any, seconds: float) -> tuple[float | None, str]:
        """Return the value of a sample, or why there is none; it takes no longer than that.

        A process that takes longer is killed, and another one starts for the next sample.
        """
        try:
            connection = self._connection or self._start()
            connection.send((reference, sample))
            if not connection.poll(seconds):
                self.kill()
                return None, f"the judge took longer than {seconds:.3g} s"
            value, failure = connection.recv()
        except (EOFError, OSError):
            self.kill()
            return None, DIED
        return value, failure

    def kill(self) -> None:
        """End the process at once, if there is one."""
        process, self._process, self._connection = self._process, None, None
        if process is not None:
            process.kill()
            process.join()

    def _start(self) -> Connection:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=run, args=(theirs,), name="sureflow-judge", daemon=True)
        process.start()
        theirs.close()
        self._process, self._connection = process, ours
        if not ours.poll(START_S):
            raise TimeoutError(f"no process of a judge started in {START_S:g} s")
        ours.recv()
        return ours
