"""Server processes for tests."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
FOLDERS = tempfile.mkdtemp(prefix="sureflow-test-")
atexit.register(shutil.rmtree, FOLDERS, ignore_errors=True)
RUN = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
VERIFIED = Path(tempfile.gettempdir(), f"sureflow-test-verified-{RUN}")
"""Block sizes that one server of a run has verified, which the others need not verify anew."""
TURN = VERIFIED.with_name(f"{VERIFIED.name}.lock")
if "PYTEST_XDIST_WORKER" not in os.environ:  # the process that ends last
    atexit.register(shutil.rmtree, VERIFIED, ignore_errors=True)
    atexit.register(TURN.unlink, missing_ok=True)
SERVING = re.compile(r"serving .* at (http://\S+)")


class Server:
    """A running server process."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: list[str]) -> None:
        self.process = process
        self.url = url
        self.log = log
        self.client = httpx.Client(base_url=url, timeout=PATIENCE_S)

    def generate(self, **body: Any) -> dict[str, Any]:
        response = self.client.post("/v1/generate", json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of that name that carry these labels."""
        page = self.client.get("/metrics").text
        # Tests wait by asking again and again, so that reading all of the page would add up.
        lines = [line for line in page.splitlines(keepends=True) if line.startswith(name)]
        families = text_string_to_metric_families("".join(lines))
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    @property
    def worker_pid(self) -> int:
        (worker,) = workers(self.process.pid)
        return worker

    def kill_worker(self) -> None:
        os.kill(self.worker_pid, signal.SIGKILL)

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def workers(pid: int) -> list[int]:
    """Process ids of a server's workers: of what loads its models, or of forks of that."""
    loading = loaders(pid)
    found = [*loading, *(fork for loader in loading for fork in children(loader))]
    return [pid for pid in found if name_of(pid) == "sureflow-worker"]


def loaders(pid: int) -> list[int]:
    """Process ids of those that load a server's models: the children of its fork server."""
    return [loader for child in children(pid) for loader in children(child)]


def name_of(pid: int) -> str:
    """What a process is called; empty if there is none."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def children(pid: int) -> list[int]:
    """Process ids of the children of a process."""
    found: list[int] = []
    for of_thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, of_thread.read_text().split())
    return found


def gone(pid: int) -> bool:
    """Whether there is no such process any more, or nothing but its name."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; fail if it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def data_folder() -> str:
    """Make a data folder with nothing but the block sizes that servers of the run have verified."""
    folder = tempfile.mkdtemp(dir=FOLDERS)
    VERIFIED.mkdir(mode=0o700, exist_ok=True)
    Path(folder, "verified").symlink_to(VERIFIED)
    return folder


def command(
    *options: str, data_dir: str | None = None, plugins: Path | None = None
) -> subprocess.Popen[str]:
    """Start a server; no two share a data folder, but for verified sizes, unless told to.

    ``plugins`` is a folder of installed distributions, see :func:`tests.server.moody.install`.
    """
    paths = [ROOT / "models", ROOT / "server", *([] if plugins is None else [plugins, ROOT])]
    folder = data_dir or data_folder()
    environment = {name: v for name, v in os.environ.items() if not name.startswith("SUREFLOW_")}
    return subprocess.Popen(
        [sys.executable, "-m", "sureflow_server.cli", "serve", "--port", "0", *options],
        env={
            **environment,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "SUREFLOW_DATA_DIR": folder,
            # Its tests ask for it; all others start a second sooner.
            "SUREFLOW_STUDIO": "false",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def in_turn() -> Iterator[None]:
    """Start servers on the same models one after another: what the first verifies, others read."""
    with TURN.open("w") as lock:
        flock(lock, LOCK_EX)
        yield


@contextmanager
def serving(*options: str, plugins: Path | None = None) -> Iterator[Server]:
    """Start a server, wait until it says that it serves, and make sure that it is gone after."""
    process = command(*options, plugins=plugins)
    assert process.stdout is not None
    log: list[str] = []
    for line in process.stdout:
        log.append(line)
        if match := SERVING.search(line):
            break
    else:
        process.wait()
        process.stdout.close()
        pytest.fail("the server did not come up:\n" + "".join(log))
    # Nobody else reads the pipe, and a full one would stop the server.
    reader = threading.Thread(target=lambda: log.extend(process.stdout or ()))
    reader.start()
    server = Server(process, match[1], log)
    try:
        yield server
    finally:
        server.close()
        reader.join()
        process.stdout.close()
