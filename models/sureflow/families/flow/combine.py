"""Sums of stages, as the steps of a solver are made of."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index
from sureflow.core.transfer import to_device


def combine(start: Tensor, stages: Tensor, where: Index, weights: Floats) -> Tensor:
    """``start + sum_j weights[:, j] stages[j]`` for the lanes ``where``, ``weights [n, STAGES]``.

    Products and sums are separate operations on purpose: a fused multiply-add would round
    differently in the vector body and in the tail of an array, that is, by slot. Stages that a
    lane does not use are skipped rather than multiplied by zero, whatever is stored there.
    """
    rounded = weights.astype(np.float32).T
    used = rounded != 0
    # Copied to the device once, in a shape that multiplies samples.
    shape = (*rounded.shape, *(1 for _ in start.shape[1:]))
    factors = to_device(rounded.reshape(shape), start.device)
    wanted = to_device(used.reshape(shape), start.device)
    result = start[where]
    for index in np.flatnonzero(used.any(1)):
        moved = result + factors[index] * stages[index, where]
        result = moved if used[index].all() else torch.where(wanted[index], moved, result)
    # A copy even where nothing is added: what evaluates the rows may work in place.
    return result if used.any() else result.clone()
