"""The processes of a supervisor: the one that serves, and those that make that it can."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from sureflow_server.engine.messages import (
    Change,
    Command,
    Forked,
    Loading,
    Message,
    Ready,
    Reap,
    Reaped,
    Report,
    Warm,
    WorkerConfig,
)
from sureflow_server.engine.process import ForkedWorker, Process, WorkerProcess
from sureflow_server.engine.silence import Silence
from sureflow_server.engine.timeouts import Timeouts

log = logging.getLogger(__name__)

FIRST_PAUSE_S, MOST_PAUSE_S = 0.5, 60.0
"""Seconds until another process loads what shall stand by, after one that ended at once. The first
may have come from a fork server that was about to end."""


class Workers:
    """One worker after another.

    A process loads the models. Where it can, it then stands by, and forks the workers; else it
    becomes the worker. A folder is faulty if a process died while loading it, or was silent for
    too long, and was killed therefore: the next one leaves it out, so that it harms no other. Where
    a worker serves meanwhile, it takes two such processes in a row.

    Args:
        timeouts: How long processes may be silent.
        received: Called with each message of the worker.
        ended: Called when the worker has ended, or one could not be loaded, with a predicate that
            says how.
        closed: Called when all have ended after :meth:`close`.

    Attributes:
        faulty: Names of faulty folders, and what happened.
    """

    def __init__(
        self,
        timeouts: Timeouts,
        received: Callable[[Ready | Report], None],
        ended: Callable[[str], None],
        closed: Callable[[], None],
    ) -> None:
        self._timeouts = timeouts
        self._received, self._tell_end, self._tell_closed = received, ended, closed
        self._worker: Process | None = None
        self._standby: WorkerProcess | None = None
        self._loader: WorkerProcess | None = None
        self._loading = self._suspect = ""
        self._silences: dict[Process, Silence] = {}
        self._given_up: dict[Process, str] = {}
        self._reaping, self._how = False, ""
        self._closing = False
        self._pause_s = FIRST_PAUSE_S
        self._config: WorkerConfig
        self.faulty: dict[str, str] = {}

    def start(self, config: WorkerConfig) -> None:
        """Start a worker, if there is none.

        It comes at once where a process stands by, else as soon as one has loaded.
        """
        self._config = config
        if self._worker is not None:
            return
        if self._standby is not None:
            self._fork(self._standby)
        elif self._loader is None:
            self._load()

    def send(self, command: Command) -> None:
        """Queue a command for the worker, if there is one."""
        if self._worker is not None:
            self._worker.send(command)

    def change(self, change: Change) -> None:
        """Change models in the worker, and for those that come after it."""
        for process in (self._worker, self._standby, self._loader):
            if process is not None:
                process.send(change)

    def renew(self) -> None:
        """Have the next worker load everything anew, as what stands by may be to blame."""
        if self._standby is not None:
            self._standby.kill()
            self._standby = None

    def close(self) -> None:
        """End all processes; the worker must have nothing to do."""
        self._closing = True
        for process in (self._worker, self._standby):
            if process is not None:
                process.stop()
        if self._loader is not None:
            self._loader.kill()
        self._close_if_none()

    def kill(self) -> None:
        """End all processes at once."""
        for process in (self._loader, self._standby, self._worker):
            if process is not None:
                process.kill()

    def _load(self) -> None:
        config = replace(self._config, faulty={**self._config.faulty, **self.faulty})
        self._loading = ""
        process: WorkerProcess = WorkerProcess(
            config, lambda message: self._said(process, message), lambda c: self._exited(process, c)
        )
        self._loader = process
        self._watch(process, self._timeouts.code_s)

    def _fork(self, standby: WorkerProcess) -> None:
        process: ForkedWorker = ForkedWorker(
            standby,
            lambda message: self._said(process, message),
            lambda c: self._exited(process, c),
        )
        self._worker = process
        self._watch(process, self._timeouts.serving_s(0))

    def _watch(self, process: Process, limit_s: float) -> None:
        """Kill a process when it is silent for too long."""
        self._silences[process] = Silence(limit_s, lambda: self._give_up(process))

    def _give_up(self, process: Process) -> None:
        self._given_up[process] = f"was silent for {self._silences[process].limit_s:g} s"
        if isinstance(process, ForkedWorker) and not process.born and self._standby is not None:
            self._standby.kill()
        process.kill()

    def _said(self, process: Process, message: Message) -> None:
        if process in self._silences:
            self._silences[process].broken()
        if isinstance(message, Loading):
            self._loading = message.model
            others_wait = self._worker is None and not message.alone
            self._silences[process].limit_s = self._timeouts.loading_s(others_wait)
        elif isinstance(message, Warm):
            self._stand_by()
        elif isinstance(message, Forked):
            if isinstance(self._worker, ForkedWorker):
                self._worker.forked(message.pid)
        elif isinstance(message, Reaped):
            self._reaped(message.code)
        else:
            self._served(process, message)

    def _served(self, process: Process, message: Ready | Report) -> None:
        if process is self._loader:
            self._loader = None
            if self._worker is not None:  # it cannot stand by, as the one before it could
                process.stop()
                return
            self._worker = process
        if process is not self._worker:
            return
        if isinstance(message, Ready):
            turn_s = sum(each[-1] for each in message.tick_s.values())
            self._silences[process].limit_s = self._timeouts.serving_s(turn_s)
        self._received(message)

    def _stand_by(self) -> None:
        """The models have been loaded, by a process that can fork workers."""
        assert self._loader is not None
        self._standby, self._loader = self._loader, None
        self._pause_s, self._suspect = FIRST_PAUSE_S, ""
        self._unwatch(self._standby)
        if self._closing:
            self._standby.stop()
        elif self._worker is None:
            self._fork(self._standby)

    def _unwatch(self, process: Process) -> None:
        if silence := self._silences.pop(process, None):
            silence.end()

    def _exited(self, process: Process, code: int | None) -> None:
        self._unwatch(process)
        given_up = self._given_up.pop(process, "")
        how = given_up or ("did not start" if code is None else f"ended with code {code}")
        if process is self._worker:
            self._worker = None
            self._worker_ended(how, given_up)
        elif process is self._standby:
            self._standby = None
            self._standby_ended(how)
        elif process is self._loader:
            self._loader = None
            self._loader_ended(f"{how} while loading")
        self._close_if_none()

    def _worker_ended(self, how: str, given_up: str) -> None:
        if self._closing:
            return
        if given_up:
            how = f"{given_up} while serving"
        if self._standby is None:
            self._tell_end(how)
            return
        self._reaping, self._how = True, how if given_up else ""
        self._standby.send(Reap())
        self._watch(self._standby, self._timeouts.serving_s(0))

    def _reaped(self, code: int) -> None:
        """The process that stands by has told how the worker ended."""
        if self._reaping and self._standby is not None:
            self._unwatch(self._standby)
            self._reaping = False
            self._tell_end(self._how or f"ended with code {code}")

    def _standby_ended(self, how: str) -> None:
        if self._closing:
            return
        if self._reaping:
            self._reaping = False
            self._tell_end(self._how or "ended")
        elif self._worker is not None:
            log.error("the process that stands by %s; another one loads the models", how)
            if isinstance(self._worker, ForkedWorker) and not self._worker.born:
                self._worker.kill()
            else:
                self._load()

    def _loader_ended(self, how: str) -> None:
        """Leave the folder out that was being loaded, and go on; without one there is no point."""
        if self._closing:
            return
        suspected, self._suspect = self._suspect, self._loading
        if self._loading and (self._worker is None or self._loading == suspected):
            self.faulty[self._loading] = f"the worker process {how} it, and goes on without it"
            log.error("the worker process %s %s; the next one leaves it out", how, self._loading)
            self._load()
        elif self._worker is None:
            self._tell_end(f"{how} its code")
        else:
            pause_s, what = self._pause_s, self._loading or "its code"
            log.error("the worker process %s %s; another one loads in %g s", how, what, pause_s)
            self._pause_s = min(2 * pause_s, MOST_PAUSE_S)
            asyncio.get_running_loop().call_later(pause_s, self._load_for_standby)

    def _load_for_standby(self) -> None:
        if not self._closing and self._loader is self._standby is None:
            self._load()

    def _close_if_none(self) -> None:
        if self._closing and self._worker is self._standby is self._loader is None:
            self._tell_closed()
