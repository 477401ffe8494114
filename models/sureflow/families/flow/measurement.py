"""Linear measurements of a sample, and the least change of the sample that matches one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sureflow.families.flow.operations import MEASUREMENTS, Guide, axes

SEEN = 1e-2
"""Singular values of a blur below this count as zero: it removes these details."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """``y = A x`` for a sample ``x [*shape]``.

    Attributes:
        target: The wanted measurement ``y``.
        measure: ``A x``.
        explain: ``A^+ d``: the least change of a sample that changes its measurement by ``d``.
    """

    target: Tensor
    measure: Callable[[Tensor], Tensor]
    explain: Callable[[Tensor], Tensor]

    def missing(self, x: Tensor) -> Tensor:
        """The least change of ``x`` after which its measurement is the wanted one."""
        return self.explain(self.target - self.measure(x))


def measurement(guide: Guide, device: torch.device) -> Measurement | None:
    """The measurement of a guide; ``None`` if its operator is an objective."""
    if guide.operator not in MEASUREMENTS:
        return None
    target = torch.tensor(guide.target, dtype=torch.float32, device=device)
    if guide.operator == "mask":
        return _masked(target, torch.tensor(guide.mask, dtype=torch.bool, device=device))
    if guide.operator == "downsample":
        return _downsampled(target, guide.factor)
    return _blurred(target, guide.sigma)


def _masked(target: Tensor, mask: Tensor) -> Measurement:
    """The components of a mask, and 0 elsewhere: a selection is its own pseudo-inverse."""

    def select(x: Tensor) -> Tensor:
        return torch.where(mask, x, 0.0)

    return Measurement(select(target), select, select)


def _downsampled(target: Tensor, factor: int) -> Measurement:
    """Means over blocks of ``factor`` pixels in each direction of space."""

    def means(x: Tensor) -> Tensor:
        for axis in range(x.dim() - axes(x.shape), x.dim()):
            blocks = (*x.shape[:axis], -1, factor, *x.shape[axis + 1 :])
            x = x.reshape(blocks).mean(axis + 1)
        return x

    def spread(difference: Tensor) -> Tensor:
        for axis in range(-axes(difference.shape), 0):
            difference = difference.repeat_interleave(factor, axis)
        return difference

    return Measurement(target, means, spread)


def _blurred(target: Tensor, sigma: float) -> Measurement:
    """A Gaussian blur along each axis of space; its weights are normalised at the edges too.

    The pseudo-inverse is by singular values, without those below :data:`SEEN`.
    """
    forward = [_weights(size, sigma) for size in target.shape[-axes(target.shape) :]]
    left, right, strengths = [], [], np.ones(())
    for weights in forward:
        u, values, v = np.linalg.svd(weights)
        left.append(u.T.copy())
        right.append(v.T.copy())
        strengths = np.multiply.outer(strengths, values)
    inverse = target.new_tensor(np.where(strengths >= SEEN, 1 / np.maximum(strengths, SEEN), 0))
    blur, turn, back = ([target.new_tensor(m) for m in each] for each in (forward, left, right))
    return Measurement(
        target, lambda x: _along(blur, x), lambda d: _along(back, inverse * _along(turn, d))
    )


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
