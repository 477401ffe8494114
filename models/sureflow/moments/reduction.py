"""Sums over the components of a row whose bits depend on that row alone."""

from __future__ import annotations

import torch
from torch import Tensor


def row_sums(values: Tensor) -> Tensor:
    """Pairwise sums ``[n]`` of rows ``[n, *shape]``.

    The order of summation in a library may depend on the number of rows and threads. Here every
    addition is elementwise, so that decisions based on a sum do not depend on other rows.
    """
    rows = values.flatten(1)
    while rows.shape[1] > 1:
        half, odd = divmod(rows.shape[1], 2)
        paired = rows[:, :half] + rows[:, half : 2 * half]
        rows = torch.cat([paired, rows[:, 2 * half :]], 1) if odd else paired
    return rows[:, 0]
