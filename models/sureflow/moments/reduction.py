"""Sums over the components of a row whose bits depend on that row alone."""

from __future__ import annotations

import torch
from torch import Tensor


def row_sums(values: Tensor) -> Tensor:
    """Pairwise sums ``[n]`` of rows ``[n, *shape]``.

    Library reductions may choose their order of summation by the number of rows and threads. Here
    every addition is elementwise, so that a sum that decides on a step decides alike in company.
    """
    rows = values.flatten(1)
    while rows.shape[1] > 1:
        half = rows.shape[1] // 2
        paired = rows[:, :half] + rows[:, half : 2 * half]
        odd = rows[:, 2 * half :]
        rows = torch.cat([paired, odd], 1) if odd.shape[1] else paired
    return rows[:, 0]
