"""Every kind of server, started on one core with all of its processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.descendants import descendants
from benchmarks.serving import environment
from benchmarks.serving.figures import Rows
from benchmarks.serving.load import Reply

ROOT = Path(__file__).parents[2]
START_S = 180.0
STOP_S = 10.0
OURS = "sureflow"
OURS_BY_REQUEST = "sureflow, per request"
BESIDE = ", neighbour"
"""What follows the name of a server that has one."""


class UnavailableError(Exception):
    """The server cannot be started here; says why."""


@dataclass(frozen=True)
class Setting:
    """What all servers are given alike.

    Attributes:
        model: An embedded checkpoint.
        capacity: Lanes in flight at once within a batch of a peer; our server chooses its own.
        timeout: The largest deadline of the mix, in seconds.
        serve: More options of ``sureflow serve``.
    """

    model: str
    capacity: int
    timeout: float
    serve: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of server.

    Attributes:
        name: As in the tables.
        command: What to start, given the port and the setting.
        path: Where it generates.
        health: What answers 200 as soon as it can.
        ours: Whether it speaks our whole contract; peers are told when a request was due, and
            tell with each answer what its batch cost.
        listed: Whether bodies and answers travel as lists of one, for the peer to concatenate.
        neighbours: Processes that want its core now and then.
    """

    name: str
    command: Callable[[int, Setting], list[str]]
    path: str = "/generate"
    health: str = "/health"
    ours: bool = False
    listed: bool = False
    neighbours: int = 0

    def beside(self, count: int) -> Kind:
        """The same beside so many neighbours."""
        return replace(self, name=self.name + BESIDE, neighbours=count)

    def wrap(self, body: dict[str, Any], due: float) -> dict[str, Any]:
        """A body as this server wants it, that was due then on the system's monotonic clock."""
        if self.ours:
            return body
        stamped = {**body, "sent": due}
        return {"bodies": [stamped]} if self.listed else stamped

    def unwrap(self, reply: Reply) -> Reply:
        """A reply with its answer as all the others give it."""
        listed = self.listed and reply.document is not None
        return replace(reply, document=reply.document[0]) if listed else reply


def kind(text: str) -> Kind:
    """A kind by its name on the command line, ``NAME`` or ``NAME:BATCH:WAIT``.

    Raises:
        UnavailableError: It is not installed, or our server does not have it yet.
        ValueError: There is no such kind.
    """
    name, *numbers = text.split(":")
    if name not in KINDS:
        raise ValueError(f"no server {name!r}; choose from {', '.join(KINDS)}")
    chosen = KINDS[name]()
    if numbers:
        batch, wait = numbers
        options = ["--batch", batch, "--wait", wait]
        plain = chosen.command
        title = f"{chosen.name} {batch}/{wait} s"
        chosen = replace(chosen, name=title, command=lambda *a: plain(*a) + options)
    return chosen


def _ours() -> Kind:
    return Kind(OURS, partial(_serve, []), "/v1/generate", "/health/ready", ours=True)


def _ours_by_request() -> Kind:
    command = [sys.executable, "-m", "sureflow_server.cli", "serve", "--help"]
    wide = {**_environment(), "COLUMNS": "200", "NO_COLOR": "1"}
    text = subprocess.run(command, env=wide, capture_output=True, text=True, check=True).stdout
    if "--admission" not in text:
        raise UnavailableError("this version of the server has no option --admission")
    serve = partial(_serve, ["--admission", "request"])
    return Kind(OURS_BY_REQUEST, serve, "/v1/generate", "/health/ready", ours=True)


def _threads() -> Kind:
    return Kind("FastAPI threads", partial(_peer, "threads", sys.executable))


def _litserve() -> Kind:
    _need("litserve", "bench")
    return Kind("LitServe", partial(_peer, "lit", sys.executable))


def _litserve_patient() -> Kind:
    """LitServe as it comes, with its own timeout of 30 s."""
    _need("litserve", "bench")

    def command(port: int, setting: Setting) -> list[str]:
        return _peer("lit", sys.executable, port, replace(setting, timeout=30.0))

    return Kind("LitServe, its own timeout", command)


def _bentoml() -> Kind:
    try:
        python = environment.python()
    except subprocess.CalledProcessError as error:
        raise UnavailableError(f"its environment could not be made: {error}") from error
    return Kind("BentoML", partial(_peer, "bento", str(python)), health="/readyz", listed=True)


def _ray() -> Kind:
    _need("ray", "bench-ray")
    return Kind("Ray Serve", partial(_peer, "rays", sys.executable), health="/")


KINDS: dict[str, Callable[[], Kind]] = {
    "sureflow": _ours,
    "request": _ours_by_request,
    "threads": _threads,
    "litserve": _litserve,
    "litserve-patient": _litserve_patient,
    "bentoml": _bentoml,
    "ray": _ray,
}
"""By name on the command line."""


def _need(package: str, extra: str) -> None:
    if find_spec(package) is None:
        raise UnavailableError(f"not installed; pip install -c constraints.txt -e '.[{extra}]'")


def _serve(options: list[str], port: int, setting: Setting) -> list[str]:
    command = [sys.executable, "-m", "sureflow_server.cli", "serve", "--port", str(port)]
    command += ["--data-dir", tempfile.mkdtemp(prefix="sureflow-")]
    return [*command, "--threads", "1", "--default-model", setting.model, *setting.serve, *options]


def _peer(module: str, python: str, port: int, setting: Setting) -> list[str]:
    command = [python, "-m", f"benchmarks.serving.peers.{module}", "--port", str(port)]
    command += ["--model", setting.model, "--capacity", str(setting.capacity)]
    return [*command, "--timeout", str(setting.timeout)]


class Server:
    """A server that runs.

    Attributes:
        kind: What it is.
        url: Where it listens.
        pid: Its first process.
    """

    def __init__(self, kind: Kind, url: str, pid: int) -> None:
        self.kind = kind
        self.url = url
        self.pid = pid

    def knows(self, field: str) -> bool:
        """Whether requests to our server may carry this field."""
        if not self.kind.ours:
            return False
        document = httpx.get(f"{self.url}/openapi.json", timeout=30).json()
        return field in document["components"]["schemas"]["GenerateRequest"]["properties"]

    def work(self) -> Rows:
        """Rows and ticks of our server since it started; of a peer, nothing is known here."""
        if not self.kind.ours:
            return Rows()
        text = httpx.get(f"{self.url}/metrics", timeout=30).text
        found = {"sureflow_batch_size_sum": 0.0, "sureflow_batch_size_count": 0.0}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in found:
                    found[sample.name] += sample.value
        return Rows(*(int(value) for value in found.values()))

    def processes(self) -> list[int]:
        """Its process and all that descend from it."""
        return descendants(self.pid)

    def cores(self) -> set[int]:
        """Every core that any of its processes may use."""
        used: set[int] = set()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                used |= os.sched_getaffinity(pid)
        return used


@contextlib.contextmanager
def started(kind: Kind, setting: Setting, core: int) -> Iterator[Server]:
    """Start a server on one core, wait until it is ready, and end all of it afterwards.

    Raises:
        UnavailableError: It does not come up; carries the end of what it printed.
    """
    port = free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            kind.command(port, setting),
            cwd=ROOT,
            env=_environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        server = Server(kind, f"http://127.0.0.1:{port}", process.pid)
        try:
            _wait(server, process, log)
            if server.cores() != {core}:
                raise RuntimeError(f"{kind.name} uses cores {server.cores()}, not only {core}")
            yield server
        finally:
            _end(server, process)


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(server: Server, process: subprocess.Popen[bytes], log: Any) -> None:
    end = time.monotonic() + START_S
    while not _ready(server):
        if process.poll() is not None or time.monotonic() > end:
            log.seek(0)
            said = log.read().decode(errors="replace")[-2000:]
            raise UnavailableError(f"{server.kind.name} did not come up:\n{said}")
        time.sleep(0.25)


def _ready(server: Server) -> bool:
    try:
        return httpx.get(server.url + server.kind.health, timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _end(server: Server, process: subprocess.Popen[bytes]) -> None:
    """End the server, politely first; then whatever of it is left."""
    family = server.processes()
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _environment() -> dict[str, str]:
    """One thread per process, our own tree first on the path, and nobody phones home."""
    ours = {name: v for name, v in os.environ.items() if not name.startswith("SUREFLOW_")}
    paths = [ROOT / "models", ROOT / "server", ROOT]
    quiet = {"BENTOML_DO_NOT_TRACK": "1", "RAY_USAGE_STATS_ENABLED": "0", "DO_NOT_TRACK": "1"}
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return {**ours, **quiet, **threads, "PYTHONPATH": os.pathsep.join(map(str, paths))}
