"""Linear measurements of a sample, and the least change of the sample that matches one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor

from sureflow.families.flow.operations import MEASUREMENTS, Guide, axes

SEEN = 1e-2
"""Singular values of a blur below this count as zero: it removes these details."""


class Measurement(ABC):
    """``y = A x`` for a sample ``x [*shape]``.

    Args:
        target: The wanted measurement ``y``.
    """

    def __init__(self, target: Tensor) -> None:
        self.target = target

    @abstractmethod
    def measure(self, x: Tensor) -> Tensor:
        """``A x``."""

    @abstractmethod
    def explain(self, difference: Tensor) -> Tensor:
        """``A^+ d``: the least change of a sample that changes its measurement by ``d``."""

    def missing(self, x: Tensor) -> Tensor:
        """The least change of ``x`` after which its measurement is the wanted one."""
        return self.explain(self.target - self.measure(x))


class Masked(Measurement):
    """The components of a mask, unchanged."""

    def __init__(self, target: Tensor, mask: Tensor) -> None:
        self.mask = mask
        super().__init__(torch.where(mask, target, 0.0))

    def measure(self, x: Tensor) -> Tensor:
        """The measured components, and 0 elsewhere."""
        return torch.where(self.mask, x, 0.0)

    def explain(self, difference: Tensor) -> Tensor:
        """The masked difference, since a selection is its own pseudo-inverse."""
        return self.measure(difference)


class Downsampled(Measurement):
    """Means over blocks of ``factor`` pixels in each direction of space."""

    def __init__(self, target: Tensor, factor: int) -> None:
        super().__init__(target)
        self.factor = factor

    def measure(self, x: Tensor) -> Tensor:
        """The means of the blocks."""
        for axis in range(x.dim() - axes(x.shape), x.dim()):
            blocks = (*x.shape[:axis], -1, self.factor, *x.shape[axis + 1 :])
            x = x.reshape(blocks).mean(axis + 1)
        return x

    def explain(self, difference: Tensor) -> Tensor:
        """Move every pixel of a block by the difference of its mean."""
        for axis in range(-axes(difference.shape), 0):
            difference = difference.repeat_interleave(self.factor, axis)
        return difference


class Blurred(Measurement):
    """A Gaussian blur along each axis of space; its weights are normalised at the edges too."""

    def __init__(self, target: Tensor, sigma: float) -> None:
        super().__init__(target)
        sizes = target.shape[-axes(target.shape) :]
        whole = [_weights(size, sigma) for size in sizes]
        self._forward = [torch.tensor(w, dtype=target.dtype, device=target.device) for w in whole]
        self._left, self._right, strengths = [], [], np.ones(())
        for weights in whole:
            left, values, right = np.linalg.svd(weights)
            self._left.append(torch.tensor(left.T.copy(), dtype=target.dtype, device=target.device))
            self._right.append(
                torch.tensor(right.T.copy(), dtype=target.dtype, device=target.device)
            )
            strengths = np.multiply.outer(strengths, values)
        inverse = np.where(strengths >= SEEN, 1 / np.maximum(strengths, SEEN), 0)
        self._inverse = torch.tensor(inverse, dtype=target.dtype, device=target.device)

    def measure(self, x: Tensor) -> Tensor:
        """The blurred sample."""
        return _along(self._forward, x)

    def explain(self, difference: Tensor) -> Tensor:
        """The pseudo-inverse by singular values, without those below :data:`SEEN`."""
        return _along(self._right, self._inverse * _along(self._left, difference))


def measurement(guide: Guide, device: torch.device) -> Measurement | None:
    """The measurement of a guide; ``None`` if its operator is an objective."""
    if guide.operator not in MEASUREMENTS:
        return None
    target = torch.tensor(guide.target, dtype=torch.float32, device=device)
    if guide.operator == "mask":
        mask = torch.tensor(guide.mask, dtype=torch.bool, device=device)
        return Masked(target, mask)
    if guide.operator == "downsample":
        return Downsampled(target, guide.factor)
    return Blurred(target, guide.sigma)


def _weights(size: int, sigma: float) -> np.ndarray:
    apart = np.subtract.outer(np.arange(size), np.arange(size))
    weights = np.exp(-0.5 * np.square(apart / sigma))
    normal: np.ndarray = weights / weights.sum(1, keepdims=True)
    return normal


def _along(matrices: list[Tensor], x: Tensor) -> Tensor:
    """Multiply each of the last axes by its matrix."""
    for axis, matrix in zip(range(-len(matrices), 0), matrices, strict=True):
        x = (x.movedim(axis, -1) @ matrix.T).movedim(-1, axis)
    return x
