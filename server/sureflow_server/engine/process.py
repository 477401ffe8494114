"""One life of the worker process, seen from the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from sureflow_server.engine import worker
from sureflow_server.engine.fork_server import fork_server
from sureflow_server.engine.messages import Command, Message, Shutdown, WorkerConfig


class WorkerProcess:
    """A started worker and its pipe.

    Two threads stand between the pipe and the loop, so that neither a slow worker nor a full pipe
    ever blocks the loop.

    Args:
        config: What the worker is started with.
        on_message: Called in the loop with each message.
        on_exit: Called in the loop once, after the last message, with the exit code; with ``None``
            if the worker could not be started.
    """

    def __init__(
        self,
        config: WorkerConfig,
        on_message: Callable[[Message], None],
        on_exit: Callable[[int | None], None],
    ) -> None:
        self._on_message = on_message
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._outbox: SimpleQueue[Command | None] = SimpleQueue()
        self._unwanted = False
        context = fork_server(config.portable, config.threads)
        self._connection, self._theirs = context.Pipe()
        self._process = context.Process(
            target=worker.run, args=(self._theirs, config), name="sureflow-worker", daemon=True
        )
        Thread(target=self._read, daemon=True).start()
        Thread(target=self._write, daemon=True).start()

    def send(self, command: Command) -> None:
        """Queue a command; it is lost, silently, if the worker dies first."""
        self._outbox.put(command)

    def stop(self) -> None:
        """Ask the worker to end."""
        self.send(Shutdown())

    def kill(self) -> None:
        """End the worker at once."""
        self._unwanted = True
        if self._process.pid is not None:
            self._process.kill()

    def _read(self) -> None:
        # A killed worker may leave half a message behind; the fork server may be killed, too.
        with contextlib.suppress(EOFError, OSError):
            self._process.start()  # waits until the fork server has imported all
            if self._unwanted:
                self._process.kill()
            # Without a copy on this side, the worker's death closes the pipe.
            self._theirs.close()
            while True:
                self._call(self._on_message, self._connection.recv())
        self._outbox.put(None)
        if self._process.pid is not None:
            self._process.join()
        self._theirs.close()
        self._connection.close()
        self._call(self._on_exit, self._process.exitcode)

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            while (command := self._outbox.get()) is not None:
                self._connection.send(command)

    def _call(self, function: Callable[..., None], argument: object) -> None:
        # The loop may be gone already when the whole program ends in a hurry.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, argument)
