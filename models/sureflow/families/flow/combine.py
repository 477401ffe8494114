"""Weighted sums of stages: the arithmetic of a solver's steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Floats
from sureflow.core.transfer import to_device


def combine(start: Tensor, stage: Callable[[int], Tensor], weights: Floats) -> Tensor:
    """As :func:`add_stages`, in memory of its own: a network may work in place on its rows."""
    result = start.clone()
    add_stages(result, stage, weights)
    return result


def add_stages(to: Tensor, stage: Callable[[int], Tensor], weights: Floats, axis: int = 0) -> None:
    """Add ``sum_j weights[:, j] stage(j)`` for ``n`` lanes, ``weights [n, STAGES]``.

    Products and sums are separate operations on purpose: a fused multiply-add would round
    differently in the vector body and in the tail of an array, that is, by slot. Stages that a
    lane does not use are skipped rather than multiplied by zero, since they may hold anything.
    ``to`` has the lanes along ``axis``, and so has each ``stage``, given by its number.
    """
    rounded = weights.astype(np.float32)
    if len(rounded) == 1 or (rounded == rounded[:1]).all():
        on_cpu = to.device.type == "cpu"
        for number in range(rounded.shape[1]) if len(rounded) else ():
            weight = rounded[:1, number]
            if weight[0]:
                # On a CPU an array multiplies sooner than a number, which a GPU need not copy.
                to.add_(stage(number) * (torch.from_numpy(weight) if on_cpu else float(weight[0])))
        return
    used = rounded.T != 0
    # Copied to the device once, in a shape that multiplies samples.
    shape = (*used.shape, *(1 for _ in range(to.dim() - axis - 1)))
    factors = to_device(rounded.T.reshape(shape), to.device)
    for number, count in enumerate(used.sum(1).tolist()):
        if count:
            moved = (stage(number) * factors[number]).add_(to)
            if count < len(weights):
                wanted = to_device(used[number].reshape(shape[1:]), to.device)
                moved = torch.where(wanted, moved, to)
            to.copy_(moved)
