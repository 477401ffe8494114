"""How long a server takes until it serves, and until it serves again after a worker is killed.

``python -m benchmarks.recovery``
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

BODY = {"model": "ring", "n": 1, "seed": 1, "sampler": {"steps": 10}}
KILLS = 3
PAUSE_S = 1.5
TICKS = os.sysconf("SC_CLK_TCK")
WORKER = "sureflow-worker"

WAYS: dict[str, tuple[str, ...]] = {
    "first start": (),
    "block sizes known": (),
    "block sizes known, no standby": ("--no-standby",),
}
"""Options by name; the first one of a run finds an empty data folder, and the others do not."""


@dataclass(frozen=True)
class Row:
    """What was measured of one server: seconds, seconds of CPU, and bytes.

    Attributes:
        ready_s: From the command until it serves.
        ready_cpu_s: What all its processes spent until then.
        back_s: From ``kill -9`` of the worker until the answer to a small request; a median.
        back_cpu_s: What all its processes spent on that.
        memory: Of all its processes, what they share being counted once.
    """

    ready_s: float
    ready_cpu_s: float
    back_s: float
    back_cpu_s: float
    memory: int


def measured(options: Sequence[str], data: Path) -> Row:
    """Start a server on the embedded models, kill its workers, and end it."""
    begun = time.perf_counter()
    with _served(options, data) as (pid, url), httpx.Client(base_url=url, timeout=600) as client:
        ready_s, ready_cpu_s = time.perf_counter() - begun, _cpu_s(pid)
        client.post("/v1/generate", json=BODY).raise_for_status()
        back = [_back(pid, client) for _ in range(KILLS)]
        seconds, spent = (median(column) for column in zip(*back, strict=True))
        return Row(ready_s, ready_cpu_s, seconds, spent, sum(map(_bytes, _tree(pid))))


def _back(pid: int, client: httpx.Client) -> tuple[float, float]:
    time.sleep(PAUSE_S)
    (worker,) = (each for each in _tree(pid) if _name(each) == WORKER)
    spent, begun = _cpu_s(pid), time.perf_counter()
    os.kill(worker, signal.SIGKILL)
    client.post("/v1/generate", json=BODY).raise_for_status()
    return time.perf_counter() - begun, _cpu_s(pid) - spent


@contextmanager
def _served(options: Sequence[str], data: Path) -> Iterator[tuple[int, str]]:
    command = [sys.executable, "-m", "sureflow_server.cli", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(data), *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = (re.search(r"at (http://\S+)", line) for line in process.stdout)
        match = next(filter(None, found), None)
        if match is None:
            raise RuntimeError(f"the server ended with code {process.wait()}")
        try:
            yield process.pid, match[1]
        finally:
            process.terminate()


def _tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for of_thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, of_thread.read_text().split()):
                found += _tree(child)
    return found


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _cpu_s(pid: int) -> float:
    """Seconds of CPU of a process, all below it, and those of them that have ended."""
    return sum(map(_own_cpu_s, _tree(pid)))


def _own_cpu_s(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS
    return 0.0


def _bytes(pid: int) -> int:
    with suppress(OSError):
        found = re.search(r"Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())
        return int(found[1]) << 10 if found else 0
    return 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, all ways by turns, so that a busy machine disturbs them alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args(arguments).runs
    rows: dict[str, list[Row]] = {way: [] for way in WAYS}
    for _ in range(runs):
        data = Path(tempfile.mkdtemp(prefix="sureflow-"))
        for way, options in WAYS.items():
            rows[way].append(measured(options, data))
    print("| | ready, s | CPU, s | back after kill -9, s | CPU, s | memory, MiB |")
    print("|---|---|---|---|---|---|")
    for way, of_way in rows.items():
        ready_s, ready_cpu_s, back_s, back_cpu_s, memory = (
            median(getattr(row, name) for row in of_way) for name in Row.__dataclass_fields__
        )
        print(
            f"| {way} | {ready_s:.1f} | {ready_cpu_s:.1f} | {back_s:.2f} | {back_cpu_s:.2f} | "
            f"{memory / 2**20:.0f} |"
        )


if __name__ == "__main__":
    main()
