"""Latency of one sample with and without parallel-in-time steps.

A tick is one network call, whatever its rows: where a device has rows to spare, ticks are the
latency, and this mode trades evaluations for them. On a CPU every row costs its time, so that
fewer ticks are no gain there. The error is the rms distance per component to the end point of one
step after another on the same grid, in data units; beside it stands the distance to a fine solve,
which is that of the grid where the sweeps are exact. Two sequential solvers show what else a user
who waits for one sample might choose.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.device import add_device
from benchmarks.report import Report, machine, options
from sureflow.checkpoint import load
from sureflow.core.lane import Sample
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.evaluator import main_head
from sureflow.sampling.sampler import Sampler

SEED = 20_002
CASES = {"ring": (50, 200, 1000), "fashion": (50, 200)}
WINDOWS = (8, 16, 64)
TOLERANCES = (0.0, 1e-3, 1e-2)
ROWS = (1, 16, 64)
FINE = 100
COLUMNS = ("ticks", "evaluations", "latency, ms", "error", "to a fine solve")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lone:
    """One sample, alone on its device."""

    ticks: int
    milliseconds: float
    sample: Sample


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--model", choices=tuple(CASES), default="ring")
    add_device(parser)
    parser.add_argument("--samples", type=int, help="samples per setting")
    arguments = parser.parse_args()
    quick = arguments.quick
    count = arguments.samples or {"ring": 16, "fashion": 4}[arguments.model] // (4 if quick else 1)
    model = load(arguments.model, arguments.device)
    report = Report("picard")
    for name, value in machine().items():
        report.add(name, value)
    report.add("device", _device(model))
    for rows in ROWS:
        report.add(f"{model.card.name}: network call of {rows} rows", call(model, rows), "ms")
    for steps in CASES[arguments.model][: 1 if quick else None]:
        compare(model, steps, count, report)
    report.write(arguments.json)


@torch.inference_mode()
def call(model: Model, rows: int) -> float:
    """Milliseconds of one evaluation, the median of several."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, *model.card.shape, generator=generator).to(model.device)
    t = torch.rand(rows, generator=generator).to(model.device)
    label = torch.full((rows,), model.network.classes).to(model.device)
    times = []
    for _ in range(12):
        begun = time.perf_counter()
        main_head(model)({"x": x, "t": t, "label": label})["velocity"].cpu()
        times.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(times[2:])


def compare(model: Model, steps: int, count: int, report: Report) -> None:
    """One grid: step after step, then every window and tolerance; and other methods beside it."""
    truth = ends([alone(model, spec(model, index, "rk4", FINE)) for index in range(count)])
    plain = None
    print(f"\n{model.card.name}, {count} samples, means{'':<21}{'  '.join(COLUMNS)}")
    for title, fields in settings(steps):
        lones = [alone(model, spec(model, index, **fields)) for index in range(count)]
        if plain is None:
            plain = ends(lones)
        figures = (
            statistics.mean(lone.ticks for lone in lones),
            statistics.mean(lone.sample.evaluations for lone in lones),
            statistics.median(lone.milliseconds for lone in lones),
            distance(ends(lones), plain) if fields["method"] == "euler" else None,
            distance(ends(lones), truth),
        )
        cells = [cell(value, len(name)) for name, value in zip(COLUMNS, figures, strict=True)]
        print(f"{title:<45}{'  '.join(cells)}", flush=True)
        report.figures[f"{model.card.name}, {title}"] = dict(zip(COLUMNS, figures, strict=True))


def cell(value: float | None, width: int) -> str:
    """A figure, or a dash where there is none."""
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.4g}"


def settings(steps: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is compared, by name."""
    grid = {"method": "euler", "steps": steps}
    yield f"euler {steps}", grid
    for window in WINDOWS:
        for tolerance in TOLERANCES:
            ahead = {"parallel": window, "parallel_tolerance": tolerance}
            yield f"euler {steps}, {window} at once, {tolerance:g}", grid | ahead
    yield "heun 20, step after step", {"method": "heun", "steps": 20}
    yield "bosh3, tolerance 0.02", {"method": "bosh3", "tolerance": 0.02}


def alone(model: Model, spec: FlowSpec) -> Lone:
    """Make one sample with nothing beside it."""
    sampler = Sampler(model, 1)
    ticks, finished = 0, []
    begun = time.perf_counter()
    sampler.admit(0, spec)
    while sampler.running:
        finished = sampler.tick().finished
        ticks += 1
    milliseconds = 1e3 * (time.perf_counter() - begun)
    return Lone(ticks, milliseconds, finished[0][1])


def spec(model: Model, index: int, method: str, steps: int = 20, **fields: Any) -> FlowSpec:
    """Sample ``index``, of the class whose turn it is."""
    classes = len(model.card.classes)
    label = index % classes if classes else None
    return FlowSpec(SEED, index, method, steps, label, **fields)


def ends(lones: list[Lone]) -> Floats:
    """End points ``[n, *shape]``."""
    return np.stack([lone.sample.data for lone in lones]).astype(np.float64)


def distance(a: Floats, b: Floats) -> float:
    """Root of the mean square over samples and components."""
    return float(np.sqrt(np.square(a - b).mean()))


def _device(model: Model) -> str:
    device = model.device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


if __name__ == "__main__":
    main()
