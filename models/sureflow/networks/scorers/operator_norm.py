"""Exact norms of linear layers, by which a network's Lipschitz constant is bounded.

The reshaped weight of a convolution says nothing about its norm as an operator. On a torus a
convolution is a matrix at every frequency, so that its norm is the largest singular value of all
of these (Sedghi, Gupta and Long, The Singular Values of Convolutional Layers, 2019). Padding with
zeros is a torus that is larger by the kernel less one, of which rows and columns are left out: its
norm is at most that of the torus.
"""

from __future__ import annotations

import torch
from torch import Tensor


def convolution(weight: Tensor, size: tuple[int, int]) -> float:
    """Norm of a circular convolution of this ``size``, ``weight [out, in, k, k]``, stride 1."""
    spectrum = torch.fft.rfft2(weight.double(), size)
    matrices = spectrum.permute(2, 3, 0, 1).flatten(0, 1)
    return float(torch.linalg.matrix_norm(matrices, 2).max())


def padded(weight: Tensor, size: tuple[int, int]) -> float:
    """Bound on the norm of a convolution of images of this size that are padded with zeros."""
    rows, columns = (side + kernel - 1 for side, kernel in zip(size, weight.shape[2:], strict=True))
    return convolution(weight, (rows, columns))


def matrix(weight: Tensor) -> float:
    """Norm of a linear layer, ``weight [out, in]``."""
    return float(torch.linalg.matrix_norm(weight.double(), 2))
