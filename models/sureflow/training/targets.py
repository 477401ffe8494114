"""Makes the checkpoints of densities that ship: ``python -m sureflow.training.targets FOLDER``.

Nothing is trained. The mixture has random means, and the posterior has data: those of the Breast
Cancer Wisconsin (Diagnostic) set as scikit-learn has them, which must be installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sureflow.checkpoint import CheckpointConfig, save
from sureflow.families.annealed.target import Target
from sureflow.families.annealed.targets import build
from sureflow.families.annealed.targets.logistic import LogisticPosterior
from sureflow.families.annealed.targets.mixture import Mixture

SEED, MODES, HALF_SIDE = 0, 40, 40.0
"""Of the mixture: its means are uniform in a square."""

NEWTON_STEPS = 30

DATA = {
    "data": "Breast Cancer Wisconsin (Diagnostic), 569 observations of 30 features, standardised",
    "label": "1 is benign",
    "authors": "W. Wolberg, O. Mangasarian, N. Street, W. Street (1993)",
    "source": "UCI Machine Learning Repository, doi 10.24432/C5DW2B, as scikit-learn has it",
    "licence": "CC BY 4.0",
}


def mixture() -> tuple[dict[str, Any], Target]:
    """40 modes in the plane, as in Midgley et al. (2023): scales ``softplus(1)``, equal weights."""
    generator = torch.Generator().manual_seed(SEED)
    means = (2 * torch.rand(MODES, 2, generator=generator, dtype=torch.float64) - 1) * HALF_SIDE
    arguments = {"modes": MODES, "dimension": 2}
    config = {"kind": "mixture", "arguments": arguments, "dimension": 2, "scale": HALF_SIDE}
    target = build(config)
    scales = [float(np.log1p(np.e))] * MODES
    target.energy.load_state_dict(Mixture.of(means.tolist(), scales, [1.0] * MODES).state_dict())
    return config, target


def funnel() -> tuple[dict[str, Any], Target]:
    """Neal's funnel in ten dimensions."""
    config = {"kind": "funnel", "dimension": 10, "scale": [3.0] + [8.0] * 9}
    return config, build(config)


def many_well() -> tuple[dict[str, Any], Target]:
    """Sixteen modes in eight dimensions."""
    config = {
        "kind": "many_well",
        "arguments": {"pairs": 4},
        "dimension": 8,
        "scale": [2.0, 1.0] * 4,
    }
    return config, build(config)


def posterior() -> tuple[dict[str, Any], Target]:
    """Logistic regression; the reference has the mode and the widths of Laplace's approximation."""
    data = import_module("sklearn.datasets").load_breast_cancer()
    inputs = (data.data - data.data.mean(0)) / data.data.std(0)
    rows, features = inputs.shape
    energy = LogisticPosterior(rows, features)
    energy.inputs.copy_(torch.from_numpy(inputs))
    energy.labels.copy_(torch.from_numpy(data.target.astype(np.float64)))
    mean, scale = _laplace(energy, features + 1)
    config = {
        "kind": "logistic_posterior",
        "arguments": {"rows": rows, "features": features},
        "dimension": features + 1,
        "mean": [round(each, 4) for each in mean.tolist()],
        "scale": [round(each, 4) for each in scale.tolist()],
    }
    target = build(config)
    target.energy.load_state_dict(energy.state_dict())
    return config, target


def _laplace(energy: LogisticPosterior, size: int) -> tuple[Tensor, Tensor]:
    """Mode and marginal standard deviations ``[d]``, by Newton's method."""

    def density(x: Tensor) -> Tensor:
        found: Tensor = energy(x[None], torch.ones(1, 1, dtype=torch.float64))[0]
        return found

    derivatives: Any = torch.autograd.functional
    at = torch.zeros(size, dtype=torch.float64)
    for _ in range(NEWTON_STEPS):
        curvature = derivatives.hessian(density, at)
        slope = derivatives.jacobian(density, at)
        at = at - torch.linalg.solve(curvature, slope)
    covariance = torch.linalg.inv(-derivatives.hessian(density, at))
    return at, covariance.diagonal().sqrt()


TARGETS: dict[str, tuple[Callable[[], tuple[dict[str, Any], Target]], dict[str, Any]]] = {
    "mixture-40": (mixture, {"source": "Midgley et al., 2023", "seed": SEED}),
    "funnel": (funnel, {"source": "Neal, 2003"}),
    "many-well": (many_well, {"source": "Noe et al., 2019; Midgley et al., 2023"}),
    "breast-cancer": (posterior, DATA),
}


def make(folder: Path) -> None:
    """Write a checkpoint of each into a folder of its name."""
    for name, (described, provenance) in TARGETS.items():
        config, target = described()
        told = CheckpointConfig(
            name=name, family="annealed", media="vector", network=config, provenance=provenance
        )
        save(folder / name, told, target)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
