"""What a model of cells is compared with: negative binomials, and a Gaussian flow on logarithms."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from benchmarks.discrete.populations import logs
from sureflow.core.arrays import Floats, Integers
from sureflow.networks import MLP
from sureflow.training.arrays import Arrays
from sureflow.training.config import TrainingConfig
from sureflow.training.trainer import Trainer

HEUN_STEPS = 20
LEAST_DISPERSION = 1e-6


def negative_binomials(
    counts: Integers, labels: Integers, wanted: Integers, seed: int, sizes: bool = False
) -> Integers:
    """Draws of independent negative binomials by label and component, with moments of the data.

    With ``sizes`` a draw has the total of a random cell of its label, and dispersions are those
    that are left when totals are accounted for: the means of a cell are in proportion to its total.
    """
    random = np.random.default_rng(seed)
    totals, found = counts.sum(1), np.zeros((len(wanted), counts.shape[1]), np.int64)
    for label in np.unique(wanted):
        own, rows = labels == label, np.flatnonzero(wanted == label)
        scale = totals[own] / totals[own].mean() if sizes else np.ones(own.sum())
        mean, dispersion = _moments(counts[own], scale)
        drawn = random.choice(scale, len(rows))[:, None] * mean
        shape = 1 / dispersion
        rate = random.gamma(shape, drawn * dispersion, drawn.shape)
        found[rows] = random.poisson(rate)
    return found


def _moments(counts: Integers, scale: Floats) -> tuple[Floats, Floats]:
    """Mean ``m`` of every component, and ``f`` of its variance ``s m + f (s m)^2`` at scale ``s``.

    ``f`` solves the moment equation summed over cells; it is at least :data:`LEAST_DISPERSION`.
    """
    mean = counts.sum(0) / scale.sum()
    expected = scale[:, None] * mean
    excess = (np.square(counts - expected) - expected).sum(0)
    square = np.maximum(np.square(expected).sum(0), 1e-12)
    return mean, np.maximum(excess / square, LEAST_DISPERSION)


def gaussian_flow(
    counts: Integers, labels: Integers, wanted: Integers, seed: int, steps: int = 2000
) -> Integers:
    """Draws of a flow of Gaussian noise to ``log(1 + count)``, brought back and rounded.

    Its components are scaled to the mean and deviation of the data. It has the size of the model
    that it is compared with: a perceptron of three layers of 192.
    """
    data = logs(counts)
    mean, deviation = data.mean(0), data.std(0) + 1e-6
    scaled = torch.from_numpy((data - mean) / deviation).float()
    torch.manual_seed(seed)
    network = MLP((counts.shape[1],), 192, 3, int(labels.max()) + 1, 192, noise=())
    source = Arrays(scaled, torch.from_numpy(labels), (), "")
    config = TrainingConfig(
        objective="velocity", seed=seed, steps=steps, learning_rate=2e-3, weight_decay=0.01
    )
    with TemporaryDirectory() as folder:
        trainer = Trainer(network, source, config, Path(folder))
        trainer.run(quiet=True)
    trainer.averaged()
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((len(wanted), counts.shape[1]), generator=generator)
    end = _integrated(network, x, torch.from_numpy(wanted)).numpy().astype(np.float64)
    found = np.expm1(end * deviation + mean).round()
    return np.clip(found, 0, 2 * counts.max()).astype(np.int64)


@torch.no_grad()
def _integrated(network: MLP, x: Tensor, label: Tensor) -> Tensor:
    """The end of the flow by Heun's method in equal steps."""
    h = 1 / HEUN_STEPS
    for step in range(HEUN_STEPS):
        first, second = (torch.full((len(x),), t) for t in (step * h, (step + 1) * h))
        slope = network(x, first, label)
        ahead = network(x + h * slope, second, label)
        x = x + h / 2 * (slope + ahead)
    return x
