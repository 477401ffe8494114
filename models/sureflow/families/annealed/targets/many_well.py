"""Many wells: a product of double wells in the plane."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ManyWell(nn.Module):
    """Log density ``sum_i [-x_i^4 + 6 x_i^2 + x_i / 2 - y_i^2 / 2]`` over pairs ``(x_i, y_i)``.

    It has ``2^pairs`` modes of unequal weights. Source: Noe et al., Boltzmann generators (2019), as
    in Midgley et al., Flow Annealed Importance Sampling Bootstrap (2023).

    Args:
        pairs: How many; the dimension is twice that.
    """

    def __init__(self, pairs: int = 4) -> None:
        super().__init__()
        if pairs < 1:
            raise ValueError("pairs: should be at least 1")
        self.pairs = pairs

    def forward(self, x: Tensor) -> Tensor:
        """Log density ``[n]``, not normalised, at ``x [n, 2 pairs]``."""
        well, plain = x[:, 0::2], x[:, 1::2]
        square = well.square()
        return (square * (6 - square) + well / 2 - plain.square() / 2).sum(1)

    @property
    def log_z(self) -> float:
        """Log of the integral, by quadrature of one well (trapezoids on [-6, 6])."""
        grid = torch.linspace(-6, 6, 20_001, dtype=torch.float64)
        well = torch.exp(grid.square() * (6 - grid.square()) + grid / 2)
        one = torch.trapezoid(well, grid) * (2 * torch.pi) ** 0.5
        return float(self.pairs * one.log())

    @property
    def right(self) -> float:
        """Share of a well's mass where its coordinate is above 0."""
        grid = torch.linspace(-6, 6, 20_001, dtype=torch.float64)
        well = torch.exp(grid.square() * (6 - grid.square()) + grid / 2)
        return float(torch.trapezoid(well[10_000:], grid[10_000:]) / torch.trapezoid(well, grid))
