"""Two ways to know a variance without the rule under test: draw many inputs, or unroll a map."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

MonteCarlo = Callable[..., Tensor]


@pytest.fixture
def monte_carlo() -> MonteCarlo:
    """``monte_carlo(function, *pairs)``: variance of ``function(h1, h2, ...)`` per output entry.

    Each pair is ``(mean, variance)`` of one independent Gaussian input, without a batch dimension;
    ``function`` maps batches to batches.
    """

    def simulate(
        function: Callable[..., Tensor],
        *pairs: tuple[Tensor, Tensor],
        draws: int = 200_000,
        chunk: int = 10_000,
    ) -> Tensor:
        generator = torch.Generator().manual_seed(1234)
        first = function(*(mean[None] for mean, _ in pairs))[0]
        total, square = torch.zeros_like(first), torch.zeros_like(first)
        with torch.no_grad():
            for _ in range(draws // chunk):
                inputs = [
                    mean + variance.sqrt() * torch.randn(chunk, *mean.shape, generator=generator)
                    for mean, variance in pairs
                ]
                # Centred on the noise-free value, so that the difference of sums loses no digits.
                out = (function(*inputs) - first).double()
                total, square = total + out.sum(0), square + out.square().sum(0)
        count = draws // chunk * chunk
        return (square - total.square() / count) / (count - 1)

    return simulate


@pytest.fixture
def unrolled() -> Callable[[Callable[[Tensor], Tensor], tuple[int, ...]], Tensor]:
    """``unrolled(map, shape)``: the matrix of an affine map on samples of ``shape``, float64."""

    def matrix(function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> Tensor:
        size = torch.Size(shape).numel()
        basis = torch.eye(size, dtype=torch.float64).reshape(size, *shape)
        constant = function(torch.zeros(1, *shape, dtype=torch.float64))
        return (function(basis) - constant).flatten(1).T.detach()

    return matrix
