"""Latency of one sample with and without parallel-in-time steps.

A tick is one network call, whatever its rows: where a device has rows to spare, ticks are the
latency, and this mode trades evaluations for them. On a CPU every row costs its time, so that
fewer ticks are no gain there. The error is the rms distance per component to the end point of one
step after another on the same grid, in data units; beside it stands that grid's own distance to a
fine solve, which no number of sweeps removes.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.report import Report, machine, options
from sureflow.checkpoint import load
from sureflow.lane import LaneSpec, Sample
from sureflow.model import Model
from sureflow.sampling import Sampler

SEED = 20_002
CASES = {"ring": (50, 200, 1000), "fashion": (50, 200)}
WINDOWS = (8, 16, 32, 64)
TOLERANCES = (0.0, 1e-3, 1e-2)
ROWS = (1, 16, 64)


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
    parser.add_argument("--device", default="cpu", help="such as cpu or cuda")
    parser.add_argument("--samples", type=int, help="samples per setting")
    arguments = parser.parse_args()
    quick = arguments.quick
    count = arguments.samples or {"ring": 32, "fashion": 4}[arguments.model] // (4 if quick else 1)
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
        model.evaluator(x, t, label).mean.cpu()
        times.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(times[2:])


def compare(model: Model, steps: int, count: int, report: Report) -> None:
    """One grid: step after step, then every window and tolerance."""
    fine = stacked([alone(model, spec(model, i, "rk4", 200)) for i in range(count)])
    plain = [alone(model, spec(model, index, "euler", steps)) for index in range(count)]
    title = f"{model.card.name}, euler {steps}"
    add(report, title, plain, steps)
    report.add(f"{title}: rms to a fine solve", distance(stacked(plain), fine), "data units")
    for window in WINDOWS:
        for tolerance in TOLERANCES:
            fields = {"parallel": window, "parallel_tolerance": tolerance}
            lones = [
                alone(model, spec(model, index, "euler", steps, **fields)) for index in range(count)
            ]
            title = f"{model.card.name}, euler {steps}, {window} at once, {tolerance:g}"
            add(report, title, lones, steps)
            error = distance(stacked(lones), stacked(plain))
            report.add(f"{title}: rms error", error, "data units")


def add(report: Report, title: str, lones: list[Lone], steps: int) -> None:
    """Report what a setting cost, means over samples."""
    ticks = statistics.mean(lone.ticks for lone in lones)
    spent = statistics.mean(lone.sample.evaluations for lone in lones)
    report.add(f"{title}: ticks", ticks)
    report.add(f"{title}: evaluations / steps", spent / steps)
    report.add(f"{title}: latency", statistics.median(lone.milliseconds for lone in lones), "ms")


def alone(model: Model, spec: LaneSpec) -> Lone:
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


def spec(model: Model, index: int, method: str, steps: int, **fields: object) -> LaneSpec:
    """Sample ``index``, of the class whose turn it is."""
    classes = len(model.card.classes)
    label = index % classes if classes else None
    return LaneSpec(SEED, index, method, steps, label, **fields)  # type: ignore[arg-type]


def stacked(lones: list[Lone]) -> npt.NDArray[np.float64]:
    """End points ``[n, *shape]``."""
    return np.stack([lone.sample.data for lone in lones]).astype(np.float64)


def distance(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Root of the mean square over samples and components."""
    return float(np.sqrt(np.square(a - b).mean()))


def _device(model: Model) -> str:
    device = model.device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


if __name__ == "__main__":
    main()
