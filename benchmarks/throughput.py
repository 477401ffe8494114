"""Served samples per second at saturation against the offline loop with the same lanes.

Rounds alternate: the offline loop runs while the server idles, then the server is saturated by
concurrent requests for the same samples. The ratio is the median over rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from benchmarks.device import add_device
from benchmarks.report import Report, options
from benchmarks.serving.servers import free_port
from sureflow.checkpoint import load
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.evaluator import main_head
from sureflow.sampling.sample import run

CAPACITY = 32


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--model", default="fashion")
    parser.add_argument("--steps", type=int, default=10)
    add_device(parser)
    arguments = parser.parse_args()
    requests, size, rounds = (4, 32, 2) if arguments.quick else (12, 32, 5)
    report = Report("throughput")
    model = load(arguments.model, arguments.device)
    # As many rows as are efficient, but on a CPU, where more take as much longer.
    rows = CAPACITY if model.device.type == "cpu" else main_head(model).best_rows
    report.add(f"{model.card.name}: rows of a tick", rows)
    with served(arguments.model, rows, more=("--device", arguments.device)) as url:
        offline_round(model, 1, size, arguments.steps, rows)
        asyncio.run(served_round(url, model, 1, size, arguments.steps))
        offline, online = [], []
        for _ in range(rounds):
            offline.append(offline_round(model, requests, size, arguments.steps, rows))
            online.append(asyncio.run(served_round(url, model, requests, size, arguments.steps)))
    ratios = [a / b for a, b in zip(online, offline, strict=True)]
    report.add(f"{model.card.name}: offline loop", statistics.median(offline), "samples/s")
    report.add(f"{model.card.name}: served, saturated", statistics.median(online), "samples/s")
    report.add(f"{model.card.name}: served / offline", statistics.median(ratios))
    report.write(arguments.json)


def offline_round(model: Model, requests: int, size: int, steps: int, rows: int) -> float:
    """Samples per second of the offline loop."""
    specs = [
        FlowSpec(seed, index, "heun", steps, _label(model, seed))
        for seed in range(requests)
        for index in range(size)
    ]
    start = time.perf_counter()
    run(model, specs, rows)
    return len(specs) / (time.perf_counter() - start)


async def served_round(url: str, model: Model, requests: int, size: int, steps: int) -> float:
    """Samples per second of the server, from the first request sent to the last answer read."""
    async with httpx.AsyncClient(base_url=url, timeout=600) as client:

        async def one(seed: int) -> None:
            body = {
                "model": model.card.name,
                "n": size,
                "seed": seed,
                "sampler": {"method": "heun", "steps": steps},
            }
            if model.card.classes:
                body["condition"] = {"label": _label(model, seed)}
            answer = await client.post("/v1/generate", json=body)
            answer.raise_for_status()
            assert len(answer.json()["samples"]) == size

        start = time.perf_counter()
        await asyncio.gather(*(one(seed) for seed in range(requests)))
        return requests * size / (time.perf_counter() - start)


def _label(model: Model, seed: int) -> int | None:
    return seed % len(model.card.classes) if model.card.classes else None


@contextlib.contextmanager
def served(
    model: str,
    capacity: int = CAPACITY,
    folder: Path | None = None,
    path: Path | None = None,
    more: Sequence[str] = (),
) -> Iterator[str]:
    """A server process on a free port, ready.

    Args:
        model: Its default model.
        capacity: Rows of its ticks.
        folder: Of its checkpoints; by default the embedded ones.
        path: Where further distributions are installed that it shall know.
        more: Further options of its command.
    """
    port = free_port()
    command = [sys.executable, "-m", "sureflow_server.cli", "serve", "--port", str(port)]
    command += ["--capacity", str(capacity), "--default-model", model]
    command += ["--data-dir", tempfile.mkdtemp(prefix="sureflow-")]
    command += [] if folder is None else ["--models-dir", str(folder)]
    command += more
    known = [*([] if path is None else [str(path)]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, known))}
    process = subprocess.Popen(command, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        while not _ready(url):
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with code {process.returncode}")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
