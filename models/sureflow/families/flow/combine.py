"""Weighted sums of stages: the arithmetic of a solver's steps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Index
from sureflow.core.transfer import to_device


def combine(start: Tensor, stages: Tensor, where: Index, weights: Floats, axis: int = 0) -> Tensor:
    """``start + sum_j weights[:, j] stages[j]`` for the lanes ``where``, ``weights [n, STAGES]``.

    Products and sums are separate operations on purpose: a fused multiply-add would round
    differently in the vector body and in the tail of an array, that is, by slot. Stages that a
    lane does not use are skipped rather than multiplied by zero, since they may hold anything.
    ``start`` has the lanes along ``axis``, and so has each of the ``stages``.
    """
    chosen = (*(slice(None) for _ in range(axis)), where)
    rounded = weights.astype(np.float32).T
    used = rounded != 0
    if not np.count_nonzero(used):
        # Copied all the same, because a network may work in place on its rows.
        return start[chosen].clone()
    counts = used.sum(1).tolist()
    # Copied to the device once, in a shape that multiplies samples.
    shape = (*rounded.shape, *(1 for _ in range(start.dim() - axis - 1)))
    factors = to_device(rounded.reshape(shape), start.device)
    result = start[chosen]
    for index, count in enumerate(counts):
        if count:
            moved = (factors[index] * stages[(index, *chosen)]).add_(result)
            whole = count == rounded.shape[1]
            wanted = None if whole else to_device(used[index].reshape(shape[1:]), start.device)
            result = moved if wanted is None else torch.where(wanted, moved, result)
    return result
