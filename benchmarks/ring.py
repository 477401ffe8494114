"""The learned score against exact truth on ``ring``, eight Gaussian modes in the plane."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from benchmarks.report import Report, options
from sureflow.checkpoint import load
from sureflow.core.path import LINEAR
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import METHODS
from sureflow.model import Model
from sureflow.moments import Moments
from sureflow.networks import GaussianMixture, VelocityNetwork
from sureflow.sampling.sample import run

TIMES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class ExactVariance(VelocityNetwork):
    """The learned velocity with the exact variance: integrates the truth along learned paths."""

    def __init__(self, learned: VelocityNetwork, exact: GaussianMixture) -> None:
        super().__init__(learned.shape, learned.classes, floor=0.0)
        self.learned = learned
        self.exact = exact
        self.noise = torch.nn.ModuleDict()

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Mean of one, variance of the other."""
        mean = self.learned(x, t, label)
        return Moments(mean, self.exact.moments(x, t).variance if noisy else None)


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    arguments = parser.parse_args()
    count = 1000 if arguments.quick else 4000
    learned, truth = load("ring"), load("ring-exact").network
    assert isinstance(truth, GaussianMixture)
    report = Report("ring")
    for method in METHODS:
        report.add(
            f"Spearman of score and exact integral, {method} 20",
            rank(learned, truth, method, count),
        )
    worst = 0.0
    for t in TIMES:
        ratio = variance_ratio(learned.network, truth, t, count)
        worst = max(worst, abs(ratio - 1))
        report.add(f"mean predicted / mean exact variance at t = {t}", ratio)
    report.add("largest deviation for t in [0.05, 0.9]", worst)
    report.write(arguments.json)


def rank(model: Model, truth: GaussianMixture, method: str, count: int) -> float:
    """Spearman correlation of the served score with the exact integral on the same paths."""
    specs = [FlowSpec(11, index, method, 20, scores=("propagated",)) for index in range(count)]
    served = run(model, specs, capacity=64)
    exact = Model(model.card, ExactVariance(model.network, truth), None)
    integral = run(exact, specs, capacity=64)
    assert all(np.array_equal(a.data, b.data) for a, b in zip(served, integral, strict=True))
    return float(spearmanr([s.uncertainty for s in served], [s.uncertainty for s in integral])[0])


@torch.inference_mode()
def variance_ratio(network: VelocityNetwork, truth: GaussianMixture, t: float, count: int) -> float:
    """Mean predicted over mean exact ``tr Cov[u | x_t]``, at points ``x_t`` of the true path."""
    generator = torch.Generator().manual_seed(5)
    x1 = truth.draw(count, generator).float()
    x0 = torch.randn(x1.shape, generator=generator)
    times = torch.full((count,), t)
    x = LINEAR.interpolate(x0, x1, times)
    predicted, exact = network.moments(x, times).variance, truth.moments(x, times).variance
    assert predicted is not None
    assert exact is not None
    return float(predicted.sum() / exact.sum())


if __name__ == "__main__":
    main()
