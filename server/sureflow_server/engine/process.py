"""Processes of the engine, seen from the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from multiprocessing import Pipe, reduction
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread

from sureflow_server.engine import worker
from sureflow_server.engine.fork_server import fork_server
from sureflow_server.engine.messages import Command, Fork, Message, Order, Shutdown, WorkerConfig

EXIT_S = 1.0
"""For a process to end after it has closed its end of the pipe."""


class Process(ABC):
    """A process and its pipe.

    Two threads stand between the pipe and the loop, so that neither a slow process nor a full pipe
    ever blocks the loop.

    Args:
        on_message: Called in the loop with each message.
        on_exit: Called in the loop once, after the last message, with the exit code; with ``None``
            if it is not known, or the process could not be started.
    """

    def __init__(
        self, on_message: Callable[[Message], None], on_exit: Callable[[int | None], None]
    ) -> None:
        self._on_message = on_message
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._outbox: SimpleQueue[Command | Order | Connection | None] = SimpleQueue()
        self._connection, self._theirs = Pipe()

    def send(self, command: Command | Order) -> None:
        """Queue a command; it is lost, silently, if the process dies first."""
        self._outbox.put(command)

    def stop(self) -> None:
        """Ask the process to end."""
        self.send(Shutdown())

    @abstractmethod
    def kill(self) -> None:
        """End the process at once."""

    def _begin(self) -> None:
        Thread(target=self._read, daemon=True).start()
        Thread(target=self._write, daemon=True).start()

    @abstractmethod
    def _start(self) -> None:
        """See to it that it starts, in a thread; without our copy of its end, its death is seen."""

    @abstractmethod
    def _ended(self) -> int | None:
        """Return the exit code, in a thread, once the pipe has closed."""

    def _read(self) -> None:
        # A killed process may leave half a message behind; the fork server may be killed, too.
        with contextlib.suppress(EOFError, OSError):
            self._start()
            while True:
                self._call(self._on_message, self._connection.recv())
        self._outbox.put(None)
        code = self._ended()
        self._theirs.close()
        self._connection.close()
        self._call(self._on_exit, code)

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            while (command := self._outbox.get()) is not None:
                if isinstance(command, Connection):
                    reduction.send_handle(self._connection, command.fileno(), None)
                else:
                    self._connection.send(command)

    def _call(self, function: Callable[..., None], argument: object) -> None:
        # The loop may be gone already when the whole program ends in a hurry.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, argument)


class WorkerProcess(Process):
    """A process that loads the models, and then serves, or stands by.

    Args:
        config: What it is started with.
        on_message: As of :class:`Process`.
        on_exit: As of :class:`Process`.
    """

    def __init__(
        self,
        config: WorkerConfig,
        on_message: Callable[[Message], None],
        on_exit: Callable[[int | None], None],
    ) -> None:
        super().__init__(on_message, on_exit)
        self._unwanted = False
        context = fork_server(config.portable, config.threads)
        self._process = context.Process(
            target=worker.run, args=(self._theirs, config), name="sureflow-worker", daemon=True
        )
        self._begin()

    def fork(self, end: Connection) -> None:
        """Have it fork a worker, which gets this end of a pipe."""
        self.send(Fork())
        self._outbox.put(end)

    def kill(self) -> None:
        """End the process at once."""
        self._unwanted = True
        if self._process.pid is not None:
            self._process.kill()

    def _start(self) -> None:
        self._process.start()  # waits until the fork server has imported all
        if self._unwanted:
            self._process.kill()
        self._theirs.close()

    def _ended(self) -> int | None:
        if self._process.pid is None:
            return None
        self._process.join(EXIT_S)
        if self._process.exitcode is None:  # it has closed the pipe, and goes on
            self._process.kill()
            self._process.join()
        return self._process.exitcode


class ForkedWorker(Process):
    """A worker that a process which stands by forks.

    Args:
        standby: That process.
        on_message: As of :class:`Process`.
        on_exit: As of :class:`Process`; the exit code is known to the process that stands by.
    """

    def __init__(
        self,
        standby: WorkerProcess,
        on_message: Callable[[Message], None],
        on_exit: Callable[[int | None], None],
    ) -> None:
        super().__init__(on_message, on_exit)
        self._pid: int | None = None
        standby.fork(self._theirs)
        self._begin()

    @property
    def born(self) -> bool:
        """Whether it has been forked."""
        return self._pid is not None

    def forked(self, pid: int) -> None:
        """Take note of its process id."""
        self._pid = pid
        self._theirs.close()

    def kill(self) -> None:
        """End the process at once.

        If it has not been forked yet, the process that stands by must have been killed before.
        """
        if self._pid is None:
            self._theirs.close()
        else:
            # While it is not reaped, there is no other process with its number.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def _start(self) -> None:
        """The process that stands by has been told to fork it."""

    def _ended(self) -> int | None:
        return None
