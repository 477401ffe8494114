"""What training data leave open of a linear read-out: Laplace's approximation, exact for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sureflow.moments.reduction import row_sums
from sureflow.moments.rowwise import linear
from sureflow.networks import tensor_file
from sureflow.networks.probe import pooled

MEAN, FACTOR, USUAL = "mean", "factor", "usual"

RIDGE = 1e-4
"""Precision of the prior of every weight, relative to what the data say of one on average."""

LEAST = 1e-30
"""Avoids a division by zero if no activation ever moves."""


class Laplace(nn.Module):
    """The variance of a linear read-out, as far as training data leave its weights open.

    A linear layer with a bias that reads features ``h`` has the posterior variance
    ``(1 + (h - m)^T S^-1 (h - m)) / W`` of its mean, for every output: ``m`` and ``S`` are mean and
    covariance of the features at N training points, each weighted by the precision ``1 / Sigma`` of
    its target, and ``W`` is the sum of these weights. Points on the way to data can be drawn
    without end, so that N means nothing: read is that variance in units of its mean over the
    training points. 1 is as open as there, and larger is less known.

    The features are the :func:`~sureflow.networks.probe.pooled` moments of the activations, as
    those of a probe. Of a vector's activations, which have no positions, they are the activations,
    and the layer is the network's last one: read is the variance of the velocity's mean.

    Daxberger et al., Laplace Redux (2021), section 3; Kristiadi et al., Being Bayesian, Even Just a
    Bit, Fixes Overconfidence in ReLU Networks (2020), prove that it grows without bound away from
    the data.

    Args:
        mean: ``m``, ``[F]``, float32; F features are the first ones of the ``2 C`` moments.
        factor: ``L^-1`` with ``S = L L^T``, ``[F, F]``, float32; see :meth:`of`.
        usual: Mean of ``1 + (h - m)^T S^-1 (h - m)`` over the training points, ``[1]``, float32.
        settings: How it was fitted: data, points, seed.

    Raises:
        ValueError: The tensors have other shapes or types, or other values than they can have.
    """

    mean: Tensor
    factor: Tensor
    usual: Tensor
    shift: Tensor

    def __init__(
        self, mean: Tensor, factor: Tensor, usual: Tensor, settings: dict[str, Any]
    ) -> None:
        super().__init__()
        size = max(mean.numel(), 1)
        tensors = {MEAN: mean, FACTOR: factor, USUAL: usual}
        shapes = {MEAN: (size,), FACTOR: (size, size), USUAL: (1,)}
        for name, tensor in tensors.items():
            if tensor.shape != shapes[name]:
                raise ValueError(f"{name} has shape {[*tensor.shape]}, not {[*shapes[name]]}")
            if tensor.dtype != torch.float32:
                raise ValueError(f"{name} is {tensor.dtype}, not float32")
            if not tensor.isfinite().all():
                raise ValueError(f"{name} holds NaN or infinity")
            # Not part of the network's state, because it has its own file.
            self.register_buffer(name, tensor.contiguous(), persistent=False)
        if usual < 1:
            raise ValueError(f"{USUAL} is {float(usual):g}, below 1")
        shift = -(factor.double() @ mean.double()).float()
        self.register_buffer("shift", shift, persistent=False)
        self.settings = settings

    @classmethod
    def of(
        cls, mean: Tensor, covariance: Tensor, spread: Tensor, settings: dict[str, Any]
    ) -> Laplace:
        """That of features with this weighted mean ``[F]`` and covariance ``[F, F]``.

        ``spread`` is the mean of ``(h - m) (h - m)^T`` if all points count alike; all in float64.
        """
        usual = covariance.diagonal().mean().clamp(min=LEAST)
        unit = torch.eye(len(mean), dtype=covariance.dtype)
        lower = torch.linalg.cholesky(covariance + RIDGE * usual * unit)
        inverse = torch.linalg.solve_triangular(lower, unit, upper=False)
        typical = 1 + (inverse @ spread * inverse).sum()
        return cls(mean.float(), inverse.float(), typical.float()[None], settings)

    @property
    def features(self) -> int:
        """Number of features that it reads."""
        return len(self.mean)

    def forward(self, hidden: Tensor) -> Tensor:
        """Read activations of rows, ``hidden [B, ...]``; ``[B]``. Larger is less known."""
        return self.read(pooled(hidden))

    def read(self, moments: Tensor) -> Tensor:
        """The same from the pooled moments, ``[B, 2 C]``; the bits of a row depend on it alone."""
        features = moments[:, : self.features].to(self.factor.dtype)
        apart = linear(features, self.factor, self.shift)
        return (1 + row_sums(apart.square())) / self.usual

    def tensors(self) -> dict[str, Tensor]:
        """The tensors whose digest identifies it."""
        return {MEAN: self.mean, FACTOR: self.factor, USUAL: self.usual}

    def save(self, path: Path) -> None:
        """Write it into a checkpoint folder."""
        tensor_file.write(path, self.tensors(), self.settings)

    @classmethod
    def load(cls, path: Path) -> Laplace:
        """Read one.

        Raises:
            ValueError: The file lacks a tensor, or the tensors are something else.
        """
        (mean, factor, usual), settings = tensor_file.read(path, (MEAN, FACTOR, USUAL))
        return cls(mean, factor, usual, settings)
