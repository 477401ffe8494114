"""Network evaluations per sample that solvers need to reach a given end-point error.

Every solver gets the same network and the same starts; the truth is a fine solve of that same
network. A solver's evaluations at an error level are read off its own curve over step counts or
tolerances, after an isotonic fit (rare samples near the border between two modes make the rms of
neighbouring settings noisy). Errors are rms over components and samples, in data units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import isotonic_regression
from torch import Tensor

from benchmarks.peers import PEERS
from benchmarks.report import Report, options
from sureflow.checkpoint import load
from sureflow.evaluation.judge import Judge
from sureflow.lane import LaneSpec
from sureflow.model import Model
from sureflow.networks import GaussianMixture
from sureflow.sampling.noise import Purpose, normal
from sureflow.sampling.sample import run

SEED = 20_001
FIXED_STEPS = (3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 32, 48)
TOLERANCES = (0.2, 0.15, 0.12, 0.08, 0.05, 0.03, 0.02, 0.012, 0.008, 0.005, 0.003)
FASHION_TOLERANCES = (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
PEER_TOLERANCES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5)
ADAPTIVE = ("heun", "ab2", "bosh3", "dopri5")
JUDGE = Path("models/judges/fashion.safetensors")

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Problem:
    """Starts, truth, and what counts as a wrong mode."""

    model: Model
    labels: list[int | None]
    batch: int
    levels: tuple[float, float]
    tolerances: tuple[float, ...]
    mode: Callable[[Floats], npt.NDArray[np.int64]]
    truth: Floats

    def specs(self, **sampler: object) -> list[LaneSpec]:
        """The lanes of one solver."""
        return [
            LaneSpec(SEED, index, label=label, **sampler)  # type: ignore[arg-type]
            for index, label in enumerate(self.labels)
        ]


@dataclass(frozen=True)
class Point:
    """One solver at one setting: evaluations per sample, and how far the samples are off."""

    mean: float
    median: float
    tail: float
    rms: float
    wrong: float


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--model", choices=("ring", "fashion", "both"), default="ring")
    parser.add_argument("--samples", type=int, help="samples per solver and setting")
    arguments = parser.parse_args()
    report = Report("numerics")
    for name, build in (("ring", ring), ("fashion", fashion)):
        if arguments.model in (name, "both"):
            usual = {"ring": (250, 4000), "fashion": (8, 32)}[name]
            compare(build(arguments.samples or usual[not arguments.quick]), report)
    report.write(arguments.json)


def ring(count: int) -> Problem:
    """Eight modes in the plane; the mode of a point is the nearest one."""
    exact = load("ring-exact").network
    assert isinstance(exact, GaussianMixture)
    means = exact.means.numpy()

    def nearest(points: Floats) -> npt.NDArray[np.int64]:
        return np.square(points[:, None] - means).sum(-1).argmin(1)

    model = load("ring")
    labels: list[int | None] = [None] * count
    truth = fine(model, labels)
    return Problem(model, labels, 256, (0.02, 0.01), TOLERANCES, nearest, truth)


def fashion(count: int) -> Problem:
    """Images by class; the mode of an image is what the judge takes it for."""
    model = load("fashion")
    judge = Judge.load(JUDGE, len(model.card.classes))
    labels: list[int | None] = [index % len(model.card.classes) for index in range(count)]

    def read(images: Floats) -> npt.NDArray[np.int64]:
        labels: npt.NDArray[np.int64] = judge.read(torch.from_numpy(images))[0].numpy()
        return labels

    truth = fine(model, labels, 60)
    return Problem(model, labels, 32, (0.02, 0.01), FASHION_TOLERANCES, read, truth)


def fine(model: Model, labels: list[int | None], steps: int = 200) -> Floats:
    """End points of the classical Runge-Kutta method on a fine grid."""
    specs = [LaneSpec(SEED, i, "rk4", steps, label) for i, label in enumerate(labels)]
    return np.stack([sample.data for sample in run(model, specs, 1024)])


def compare(problem: Problem, report: Report) -> None:
    """Measure every solver's curve and report what it needs for each error level."""
    name = problem.model.card.name
    report.add(f"{name}: samples", len(problem.labels))
    curves = {}
    for method in ("euler", "heun", "bosh3"):
        runs = (ours(problem, method=method, steps=steps) for steps in FIXED_STEPS)
        curves[f"{method}, uniform grid"] = list(runs)
    for method in ADAPTIVE:
        runs = (
            ours(problem, method=method, tolerance=tolerance) for tolerance in problem.tolerances
        )
        curves[f"{method}, adaptive"] = list(runs)
    for peer in PEERS:
        curves[peer] = [theirs(problem, peer, tolerance) for tolerance in PEER_TOLERANCES]
    for level in problem.levels:
        needed = {solver: at_level(points, level) for solver, points in curves.items()}
        for solver, point in needed.items():
            title = f"{name}, rms {level:g}: {solver}"
            if point is None:
                report.add(title, "not reached")
                continue
            report.add(title, point.mean, "evaluations (mean)")
            report.add(f"{title}, median", point.median)
            report.add(f"{title}, 99th percentile", point.tail)
            report.add(f"{title}, wrong mode", 100 * point.wrong, "%")
        for method in ADAPTIVE:
            for other in ("torchdiffeq dopri5", "heun, uniform grid"):
                mine, its = needed[f"{method}, adaptive"], needed.get(other)
                if mine and its:
                    title = f"{name}, rms {level:g}: {method}, adaptive / {other}"
                    report.add(title, mine.mean / its.mean)


def ours(problem: Problem, **sampler: object) -> Point:
    """One setting of our sampler."""
    samples = run(problem.model, problem.specs(**sampler), 1024)
    data = np.stack([sample.data for sample in samples])
    return point(problem, data, [sample.evaluations for sample in samples])


def theirs(problem: Problem, peer: str, tolerance: float) -> Point:
    """One tolerance of another solver, on batches of the same starts."""
    shape, null = problem.model.card.shape, problem.model.network.classes
    data, evaluations = [], []
    for first in range(0, len(problem.labels), problem.batch):
        labels = problem.labels[first : first + problem.batch]
        start = [normal(shape, SEED, first + i, Purpose.START) for i in range(len(labels))]
        label = torch.tensor([null if label is None else label for label in labels])
        end, cost = PEERS[peer](problem.model, torch.stack(start), label, tolerance)
        data.append(end.detach())
        evaluations += [cost] * len(labels)
    return point(problem, _array(data), evaluations)


def point(problem: Problem, data: Floats, evaluations: Iterable[int]) -> Point:
    """What one solver at one setting cost and gave."""
    spent = np.fromiter(evaluations, np.float64)
    return Point(
        mean=float(spent.mean()),
        median=float(np.median(spent)),
        tail=float(np.quantile(spent, 0.99)),
        rms=float(np.sqrt(np.square(data - problem.truth, dtype=np.float64).mean())),
        wrong=float((problem.mode(data) != problem.mode(problem.truth)).mean()),
    )


def at_level(points: list[Point], level: float) -> Point | None:
    """A curve where its rms error comes down to a level; ``None`` if it does not get there.

    A curve that begins below the level gives its first point, which is then an upper bound.
    """
    points = sorted(points, key=lambda p: p.mean)
    fitted = isotonic_regression([np.log(p.rms) for p in points], increasing=False).x
    below = np.flatnonzero(fitted <= np.log(level))
    if not len(below):
        return None
    after = int(below[0])
    if after == 0:
        return points[0]
    share = (np.log(level) - fitted[after - 1]) / (fitted[after] - fitted[after - 1])
    a, b = points[after - 1], points[after]
    mixed = {
        field: (1 - share) * getattr(a, field) + share * getattr(b, field)
        for field in ("mean", "median", "tail", "wrong")
    }
    return Point(rms=level, **mixed)


def _array(parts: list[Tensor]) -> Floats:
    return torch.cat(parts).numpy()


if __name__ == "__main__":
    main()
