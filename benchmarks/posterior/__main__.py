"""Posteriors of simulation-based inference, served, against exact ones.

A team's networks, a flow and a diffusion, learn the posterior of two moons. They are imported,
fitted, calibrated and served by the commands that a team would use, and asked by the client.
``--folder`` keeps what was trained, and takes up what is there.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.posterior import exact, moons
from benchmarks.posterior.gaussian import CASES
from benchmarks.posterior.page import write
from benchmarks.posterior.serving import GAUSSIAN, MOONS, ROOT
from benchmarks.report import Report, options, run_parts
from benchmarks.throughput import served
from sureflow_client import Client

CAPACITY = 512
PATIENCE_S = 1800.0


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--folder", type=Path, help="where everything is kept")
    parser.add_argument("--seeds", type=int, default=2, help="networks of each kind")
    parser.add_argument("--steps", type=int, default=16_000, help="of their training")
    parser.add_argument("--lane-steps", type=int, default=30, help="of Heun's method")
    parser.add_argument("--samples", type=int, default=500, help="of each observation")
    parser.add_argument("--differentiated", type=int, default=100, help="of them with divergence")
    parser.add_argument("--inverted", type=int, default=30, help="exact draws of each")
    parser.add_argument("--fresh", type=int, default=100, help="observations for confidence")
    run_parts("posterior", parser, {"gaussian": _gaussian, "moons": _moons}, write)


def _gaussian(report: Report, chosen: argparse.Namespace) -> None:
    with _folder(chosen) as folder:
        exact.prepare(folder, chosen)
        name = exact.name_of(next(iter(CASES)))
        with _client(folder, name, GAUSSIAN) as client:
            exact.measure(report, client, chosen)


def _moons(report: Report, chosen: argparse.Namespace) -> None:
    with _folder(chosen) as folder:
        moons.prepare(folder, chosen)
        with _client(folder, moons.name_of("flow", 0), MOONS) as client:
            moons.measure(report, client, chosen)


@contextmanager
def _folder(chosen: argparse.Namespace) -> Iterator[Path]:
    chosen.fit, chosen.draws = ["--steps", "2000"], ["--draws", "1000", "--other-draws", "1000"]
    if chosen.quick:
        chosen.seeds, chosen.steps, chosen.samples, chosen.inverted = 1, 300, 100, 10
        chosen.differentiated = 20
        chosen.fit, chosen.fresh, chosen.lane_steps = ["--steps", "50"], 10, 10
        chosen.draws = ["--draws", "500", "--other-draws", "400"]
    if chosen.folder is not None:
        yield chosen.folder.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@contextmanager
def _client(folder: Path, model: str, plugin: str) -> Iterator[Client]:
    more = ["--plugin", plugin]
    with (
        served(model, CAPACITY, folder / "models", ROOT, more) as url,
        Client(url, timeout=PATIENCE_S) as client,
    ):
        yield client


if __name__ == "__main__":
    main()
