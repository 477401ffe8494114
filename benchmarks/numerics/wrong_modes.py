"""Adaptive ``ab2`` against uniform Heun on ``ring``, with many more starts: who errs in the mode?

Wrong modes are a tenth of a per cent of all samples, so that it takes many to tell two solvers
apart. Heun and the reference are solved here as arrays, which is quicker than by lanes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchmarks.numerics.point import Floats, Tally, measure
from benchmarks.numerics.problem import LANES, SEED, ring_mode, specs
from benchmarks.numerics.reading import bootstrap, read
from benchmarks.report import Report, options
from sureflow.checkpoint import load
from sureflow.core.draw import Purpose, normal
from sureflow.networks import VelocityNetwork
from sureflow.sampling.sample import run

SAMPLES, QUICK, BLOCK = 131_072, 2048, 8192
REFERENCE = 40
"""Steps of the classical Runge-Kutta method that stand for the truth."""

STEPS = (7, 8, 9, 10, 11, 12, 14, 16, 18, 21, 24, 28, 32)
TOLERANCES = (
    *(0.036, 0.028, 0.022, 0.017, 0.012, 0.009),
    *(0.006, 0.0045, 0.0033, 0.0024, 0.0017, 0.0012),
)
LEVELS = (0.02, 0.015, 0.01, 0.0075, 0.005)


class Plain:
    """The flow of a network, all starts at once."""

    def __init__(self, network: VelocityNetwork, count: int) -> None:
        self._network = network
        self._label = torch.full((BLOCK,), network.classes)
        self.start = torch.stack(
            [normal(network.shape, SEED, index, Purpose.START) for index in range(count)]
        )

    @torch.inference_mode()
    def velocity(self, x: Tensor, t: float) -> Tensor:
        """At ``x [n, *shape]``, all at the same time."""
        parts = [
            self._network(part, torch.full((len(part),), t), self._label[: len(part)])
            for part in torch.split(x, BLOCK)
        ]
        return torch.cat(parts)

    def heun(self, steps: int) -> Floats:
        """End points of Heun's method on the uniform grid."""
        x, h = self.start.clone(), 1 / steps
        for step in range(steps):
            here = self.velocity(x, step * h)
            there = self.velocity(x + h * here, (step + 1) * h)
            x = x + h / 2 * (here + there)
        return np.asarray(x.numpy())

    def classical(self, steps: int) -> Floats:
        """Those of the classical Runge-Kutta method."""
        x, h = self.start.clone(), 1 / steps
        for step in range(steps):
            t = step * h
            one = self.velocity(x, t)
            two = self.velocity(x + h / 2 * one, t + h / 2)
            three = self.velocity(x + h / 2 * two, t + h / 2)
            four = self.velocity(x + h * three, t + h)
            x = x + h / 6 * (one + 2 * two + 2 * three + four)
        return np.asarray(x.numpy())


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__).parse_args()
    count = QUICK if chosen.quick else SAMPLES
    model, mode = load("ring"), ring_mode()
    report = Report("wrong modes")
    report.add("samples", count)
    plain = Plain(model.network, count)
    truth = plain.classical(REFERENCE)

    def tally(solver: str, ends: Floats, evaluations: list[int]) -> Tally:
        made = measure(ends, truth, mode(ends) != mode(truth), evaluations)
        point = made.point()
        title = f"{solver}, {point.mean:.2f} evaluations"
        report.add(f"{title}: rms", point.rms)
        report.add(f"{title}: wrong mode", 100 * point.wrong, "%")
        return made

    heun = [tally("heun", plain.heun(steps), [2 * steps] * count) for steps in STEPS]
    adaptive = []
    for tolerance in TOLERANCES:
        lanes = specs([None] * count, method="ab2", tolerance=tolerance)
        made = [
            (sample.data, sample.evaluations)
            for first in range(0, count, BLOCK)
            for sample in run(model, lanes[first : first + BLOCK], LANES)
        ]
        ends, evaluations = zip(*made, strict=True)
        adaptive.append(tally("ab2", np.stack(ends), list(evaluations)))
    draws = bootstrap(count)
    for level in LEVELS:
        mine, its = read(adaptive, level, draws), read(heun, level, draws)
        if mine and its:
            title = f"rms {level:g}: ab2, adaptive / heun, uniform grid"
            share, error = mine.over(its)
            report.add(title, share, f"± {error:.3f}")
            more, error = mine.more_wrong(its)
            report.add(f"{title}, more wrong modes", 100 * more, f"± {100 * error:.3f} %")
            report.add(f"{title}, no more wrong modes", mine.safely_over(its))
    report.write(chosen.json)


if __name__ == "__main__":
    main()
