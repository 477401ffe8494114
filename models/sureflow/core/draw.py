"""Counter-based randomness: a draw depends on its own coordinates and on nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor


class Purpose(IntEnum):
    """What a draw is for. It is part of the coordinates, so that two uses never share numbers."""

    START = 0
    DIRECTION = 1
    RENOISE = 2
    RESAMPLE = 3
    INPAINT = 4
    STEP = 5


def normal(shape: Sequence[int], seed: int, index: int, purpose: Purpose, step: int = 0) -> Tensor:
    """Standard normal float32 ``[*shape]`` at coordinates (seed, index, purpose, step).

    Philox keyed by ``(seed, index)`` with the counter's high words set to purpose and step:
    independent of batch, order, worker and restart.
    """
    draw = generator(seed, index, purpose, step).standard_normal(tuple(shape), np.float32)
    return torch.from_numpy(draw)


def uniform(shape: Sequence[int], seed: int, index: int, purpose: Purpose, step: int = 0) -> Tensor:
    """Float32 ``[*shape]``, uniform on [0, 1), at these coordinates; see :func:`normal`.

    It shares its bits with that, so that a component is drawn by one of them.
    """
    return torch.from_numpy(generator(seed, index, purpose, step).random(tuple(shape), np.float32))


def generator(seed: int, index: int, purpose: Purpose, step: int) -> np.random.Generator:
    """Source of draws of any law at these coordinates; see :func:`normal`, which draws from it.

    Two that draw at the same coordinates share their bits.
    """
    bits = np.random.Philox(
        key=np.array([seed, index], np.uint64),
        counter=np.array([0, 0, step, purpose], np.uint64),
    )
    return np.random.Generator(bits)


def signs(shape: Sequence[int], seed: int, index: int, purpose: Purpose, step: int = 0) -> Tensor:
    """Random signs float32 ``[*shape]``, 1 or -1 with equal odds: the signs of :func:`normal`."""
    return torch.where(normal(shape, seed, index, purpose, step) < 0, -1.0, 1.0)
