"""The process that stands by: it has loaded every model, and forks the workers that serve.

A fork takes milliseconds, and shares the memory of the models until either side writes to it. So
should a worker die, the next one serves at once.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path
from threading import active_count
from typing import NoReturn

from sureflow.confidence.calibration import Calibration
from sureflow_server.engine.messages import (
    Change,
    Fork,
    Forked,
    Ready,
    Reap,
    Reaped,
    Shutdown,
    Unload,
    Warm,
)
from sureflow_server.engine.model_cache import ModelCache
from sureflow_server.engine.process_name import call_this_process

THREADS = Path("/proc/self/task")
"""A folder for each thread of this process, those of libraries included."""


def can_fork() -> bool:
    """Whether this is the only thread; a fork of others would not have them, only their locks."""
    return len(list(THREADS.iterdir())) == 1 if THREADS.is_dir() else active_count() == 1


Serve = Callable[[Connection, Ready], None]
"""Serves by a pipe with the models of this process, until told to end, or the pipe closes."""


def stand_by(connection: Connection, serve: Serve, ready: Ready, cache: ModelCache) -> None:
    """Fork workers as told, one at a time, until told to end, or until the pipe closes."""
    call_this_process("sureflow-forks")
    worker: int | None = None
    connection.send(Warm())
    while True:
        try:
            command = connection.recv()
        except (EOFError, OSError):  # the worker notices the same
            return
        if isinstance(command, Fork):
            worker = _fork(connection, serve, ready)
            connection.send(Forked(worker))
        elif isinstance(command, Reap):
            connection.send(Reaped(_reap(worker)))
            worker = None
        elif isinstance(command, Shutdown):
            if worker is not None:  # it has been told the same
                os.waitpid(worker, 0)
            return
        else:
            ready = _changed(ready, cache, command)


def _fork(connection: Connection, serve: Serve, ready: Ready) -> int:
    """Fork a worker that talks by the end of a pipe that follows; return its process id."""
    handle = reduction.recv_handle(connection)
    worker = os.fork()
    if worker == 0:
        connection.close()
        _exit_after(serve, Connection(handle), ready)
    os.close(handle)
    return worker


def _exit_after(serve: Serve, connection: Connection, ready: Ready) -> NoReturn:
    """Serve in a process just forked, and end it without what the other one has yet to do."""
    code = 1
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            serve(connection, ready)
        code = 0
    except BaseException:  # told as the interpreter does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reap(worker: int | None) -> int:
    """Wait until a worker has ended, which is killed if it has not; return its exit code."""
    if worker is None:
        return 0
    os.kill(worker, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])


def _changed(ready: Ready, cache: ModelCache, change: Change) -> Ready:
    """Change models here as in the worker, for those that will be forked."""
    if isinstance(change, Unload):
        cache.forget(change.model)
        return _without(ready, change.model)
    made = Calibration.decode(change.data)
    cache.recalibrate(change.model, made)
    cards = tuple(
        replace(card, calibrated=made.summary(), calibration_version=made.version)
        if card.name == change.model
        else card
        for card in ready.cards
    )
    return replace(ready, cards=cards)


def _without(ready: Ready, model: str) -> Ready:
    return replace(
        ready,
        cards=tuple(card for card in ready.cards if card.name != model),
        tick_s={name: seconds for name, seconds in ready.tick_s.items() if name != model},
        nbytes={name: nbytes for name, nbytes in ready.nbytes.items() if name != model},
        resident=tuple(name for name in ready.resident if name != model),
    )
