"""Servers that are attacked."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.descendants import descendants
from benchmarks.hostile.limit import Limit
from sureflow.folders import embedded_folder

START_S = 240.0
PATIENCE_S = 180.0
SERVING = re.compile(r"serving .* at (http://\S+)")
ROOT = Path(__file__).parents[2]


class StartError(Exception):
    """A server does not come up; carries the end of what it said."""


@dataclass(frozen=True)
class Setup:
    """A kind of server; all of them have ``ring``.

    Attributes:
        name: Of the kind.
        options: Of ``sureflow serve``.
        descriptors: Open files that it may have; ``None`` leaves it as it is.
        folders: Puts more into the folder of models.
    """

    name: str
    options: tuple[str, ...] = ()
    descriptors: int | None = None
    folders: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Target:
    """A server that runs.

    Attributes:
        process: Its first process.
        url: Where it listens.
        folder: In which all lies that it reads and writes.
    """

    process: subprocess.Popen[bytes]
    url: str
    folder: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def models(self) -> Path:
        """Folder of its models."""
        return self.folder / "models"

    @property
    def log(self) -> str:
        """All that it has said."""
        return (self.folder / "log").read_text(errors="replace")

    def client(self, timeout: float = PATIENCE_S) -> httpx.Client:
        """Return a client of it."""
        return httpx.Client(base_url=self.url, timeout=timeout)

    def connect(self) -> socket.socket:
        """Return a connection to it, which takes little at a time."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.settimeout(PATIENCE_S)
        host, port = self.url.removeprefix("http://").split(":")
        connection.connect((host, int(port)))
        return connection


@contextmanager
def serving(setup: Setup, limit: Limit) -> Iterator[Target]:
    """Start a server under a limit, wait until it serves, and end all of it afterwards.

    Raises:
        StartError: It does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="sureflow-hostile-"))
    try:
        shutil.copytree(embedded_folder() / "ring", folder / "models" / "ring")
        if setup.folders is not None:
            setup.folders(folder / "models")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                _command(folder, setup),
                env=environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: _confine(setup, limit),
            )
        try:
            yield Target(process, address(process, folder / "log"), folder)
        finally:
            _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _command(folder: Path, setup: Setup) -> list[str]:
    command = [sys.executable, "-m", "sureflow_server.cli", "serve", "--port", "0"]
    command += ["--models-dir", str(folder / "models"), "--default-model", "ring"]
    return [*command, "--data-dir", str(folder / "data"), *setup.options]


def environment() -> dict[str, str]:
    """Return that of processes of ours, whatever the settings of this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SUREFLOW_")}
    paths = (ROOT / "models", ROOT / "server", ROOT / "clients/python", ROOT / "clients/studio")
    path = os.pathsep.join(map(str, paths))
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def _confine(setup: Setup, limit: Limit) -> None:
    limit.enter()
    if setup.descriptors is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (setup.descriptors, setup.descriptors))


def address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until a server says where it serves.

    Raises:
        StartError: It does not come up.
    """
    end = time.monotonic() + START_S
    while not (found := SERVING.search(log.read_text(errors="replace"))):
        if process.poll() is not None or time.monotonic() > end:
            raise StartError(log.read_text(errors="replace")[-500:])
        time.sleep(0.1)
    return found[1]


def _end(process: subprocess.Popen[bytes]) -> None:
    for pid in descendants(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
