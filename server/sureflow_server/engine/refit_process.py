"""A process that fits a probe to verdicts, from inside and from outside.

It has a model of its own, on the CPU, since what it computes is nobody's sample: it stands back for
everything else, and harms nothing if it dies.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sureflow.core.lane import Sample
from sureflow_server.engine.errors import RequestFailedError
from sureflow_server.engine.process_name import call_this_process

if TYPE_CHECKING:
    from sureflow.evaluation.refitting import Refitting
    from sureflow.model import Model

NICENESS = 19
"""It stands back for everything that runs."""


@dataclass(frozen=True, slots=True)
class RefitTask:
    """What a probe is fitted to, and where the new version of the model goes.

    Attributes:
        folder: That of the model.
        version: Of the model, whose samples were judged.
        name: Of the new version, a folder beside it.
        bad: What was said of each sample.
        judge: Whoever said it.
        bad_above: Samples above it are bad.
        draws: Reference draws of every class that its confidence is a share of.
        plugins: Networks from outside, as the settings have them.
    """

    folder: Path
    version: str
    name: str
    bad: tuple[float, ...]
    judge: str
    bad_above: float
    draws: int
    plugins: tuple[str, ...] = ()

    @property
    def out(self) -> Path:
        """The new folder."""
        return self.folder.with_name(self.name)

    def beside(self, process: int) -> Path:
        """Where a process writes it, hidden, until it is whole."""
        return self.folder.with_name(f".{self.name}.{process}")


@dataclass(frozen=True, slots=True)
class Failed:
    """Why the process cannot do it."""

    reason: str


def run(connection: Connection, task: RefitTask) -> None:
    """Read samples that come through a pipe, and write a version once there are no more.

    It sends at what times samples need frames, then None after each list of samples, and what came
    of it after an empty list; or :class:`Failed`, as its last word.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # of a group; the server ends it
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    call_this_process("sureflow-refit")
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            _work(connection, task)
        except (ValueError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            connection.send(Failed(reason or str(error)))
        except EOFError:
            raise
        except BaseException as error:  # a third-party network may raise anything
            connection.send(Failed(f"{type(error).__name__}: {error}"))


def _work(connection: Connection, task: RefitTask) -> None:
    import torch

    from sureflow.checkpoint import CheckpointError, load
    from sureflow.evaluation.probing import TIMES
    from sureflow.evaluation.refitting import Refitting
    from sureflow.networks import declare_plugin

    torch.set_num_threads(1)
    for plugin in task.plugins:
        declare_plugin(plugin)
    try:
        model = load(task.folder)
    except CheckpointError as error:
        raise ValueError(str(error)) from error
    if _files(model.card.version) != _files(task.version):
        raise ValueError("the folder of the model has changed; POST .../load takes it into service")
    refitting = Refitting(model)
    connection.send(TIMES)
    while samples := connection.recv():
        refitting.add(samples)
        connection.send(None)
    connection.send(_written(task, model, refitting))


def _written(task: RefitTask, model: Model, refitting: Refitting) -> dict[str, Any]:
    """Write the new version; return what it is worth."""
    from sureflow.evaluation.refitting import write_version

    found, beside = refitting.fit(task.bad, task.judge, task.bad_above), task.beside(os.getpid())
    try:
        new = write_version(model, task.folder, beside, task.name, found.probe, task.draws)
        if task.out.exists():
            raise ValueError(f"name: {task.name} is there by now")
        beside.rename(task.out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    told = ("judged", "bad", "spearman", "score")
    intervals = {name: getattr(found, name) for name in ("auroc", "in_use", "gain")}
    return {
        **{name: getattr(found, name) for name in told},
        **{name: None if one is None else asdict(one) for name, one in intervals.items()},
        "version": _files(new.card.version),
        "calibration_version": new.card.calibration_version,
        "warnings": new.card.warnings,
    }


def _files(version: str) -> str:
    """The part of a version that is about files, not about how they are run."""
    return version.partition("+")[0]


class RefitProcess:
    """Such a process, seen from the event loop; it begins at once.

    Args:
        task: What it is to do.
    """

    def __init__(self, task: RefitTask) -> None:
        self._task, self._thread = task, ThreadPoolExecutor(1, "refit")
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=run, args=(theirs, task), name="sureflow-refit", daemon=True
        )
        self._process.start()
        theirs.close()

    async def times(self) -> tuple[float, ...]:
        """Wait until it has the model; return when samples need frames.

        Raises:
            RequestFailedError: It cannot do it; so do the other methods.
        """
        times: tuple[float, ...] = await self._answer(None)
        return times

    async def take(self, samples: Sequence[Sample]) -> None:
        """Have it read samples, in the order of the verdicts."""
        await self._answer(samples)

    async def written(self) -> dict[str, Any]:
        """Have it write the version; return what it is worth."""
        written: dict[str, Any] = await self._answer([])
        return written

    def kill(self) -> None:
        """End it, and remove what it has not finished."""
        number = self._process.pid
        self._process.kill()
        self._process.join()
        self._connection.close()
        self._thread.shutdown(wait=False, cancel_futures=True)
        if number is not None:
            shutil.rmtree(self._task.beside(number), ignore_errors=True)

    async def _answer(self, samples: Sequence[Sample] | None) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._ask, samples)

    def _ask(self, samples: Sequence[Sample] | None) -> Any:
        try:
            if samples is not None:
                self._connection.send(samples)
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise RequestFailedError("the process that fits the probe died") from error
        if isinstance(answer, Failed):
            raise RequestFailedError(answer.reason)
        return answer
