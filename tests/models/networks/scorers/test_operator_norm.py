"""Norms by the Fourier transform, against dense matrices of the same operators."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from sureflow.networks.scorers import operator_norm


def dense(weight: torch.Tensor, size: tuple[int, int], circular: bool) -> float:
    """Largest singular value of a convolution as a matrix, column by column."""
    channels = weight.shape[1]
    units = torch.eye(channels * size[0] * size[1], dtype=torch.float64)
    images = units.reshape(-1, channels, *size)
    if circular:
        answers = F.conv2d(F.pad(images, (1, 1, 1, 1), mode="circular"), weight.double())
    else:
        answers = F.conv2d(images, weight.double(), padding=1)
    return float(torch.linalg.matrix_norm(answers.flatten(1), 2))


@pytest.mark.parametrize("size", [(5, 5), (6, 4), (7, 8)])
def test_the_norm_on_a_torus_is_exact(size: tuple[int, int]) -> None:
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    found = operator_norm.convolution(weight, size)
    assert found == pytest.approx(dense(weight, size, circular=True), rel=1e-10)


@pytest.mark.parametrize("size", [(5, 5), (6, 4)])
def test_the_bound_with_zeros_around_holds_and_is_close(size: tuple[int, int]) -> None:
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(2))
    exact, found = dense(weight, size, circular=False), operator_norm.padded(weight, size)
    assert exact <= found <= 1.25 * exact


def test_the_reshaped_weight_says_less() -> None:
    """Why naive spectral normalisation of convolutions certifies nothing."""
    weight = torch.randn(16, 16, 3, 3, generator=torch.Generator().manual_seed(3))
    naive = float(torch.linalg.matrix_norm(weight.flatten(1), 2))
    assert operator_norm.convolution(weight, (16, 16)) > 1.2 * naive
