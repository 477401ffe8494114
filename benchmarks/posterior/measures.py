"""Distances between draws in the plane."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

NEIGHBOURS = 5
PROJECTIONS = 64


def classified(first: Tensor, second: Tensor) -> float:
    """Share of all draws that most of their neighbours put on the right side, at best 0.5.

    A classifier two-sample test by the nearest neighbours of each draw but itself (Lopez-Paz and
    Oquab, Revisiting Classifier Two-Sample Tests, 2017). Both ``[n, 2]``.
    """
    rows = torch.cat([first, second]).numpy()
    side = np.repeat([0, 1], [len(first), len(second)])
    near = np.asarray(cKDTree(rows).query(rows, NEIGHBOURS + 1)[1])
    said = side[near[:, 1:]].mean(1) > 0.5
    return float((said == (side == 1)).mean())


def sliced(first: Tensor, second: Tensor) -> float:
    """Wasserstein distance of order 1, mean over directions; of as many draws each."""
    angles = torch.arange(PROJECTIONS, dtype=torch.float64) * torch.pi / PROJECTIONS
    along = torch.stack([angles.cos(), angles.sin()])
    one, other = ((z.double() @ along).sort(0).values for z in (first, second))
    return float((one - other).abs().mean())


def marginal(first: Tensor, second: Tensor) -> float:
    """Mean absolute difference of the distribution functions of each component, in [-1, 1]."""
    points = torch.linspace(-1, 1, 401, dtype=torch.float64)
    one, other = ((z.double()[:, :, None] <= points).double().mean(0) for z in (first, second))
    return float((one - other).abs().mean())
