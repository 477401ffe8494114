"""Sums over the components of a row whose bits depend on that row alone."""

from __future__ import annotations

import torch
from torch import Tensor


def row_sums(values: Tensor) -> Tensor:
    """Pairwise sums ``[n]`` of rows ``[n, *shape]``.

    The order of summation in a library may depend on the number of rows and threads. Here every
    addition is elementwise, so that decisions based on a sum do not depend on other rows.
    """
    columns = values.flatten(1).T  # what is added is a slice of the first axis: quick to cut
    while len(columns) > 1:
        half, odd = divmod(len(columns), 2)
        paired = columns[:half] + columns[half : 2 * half]
        columns = torch.cat([paired, columns[2 * half :]]) if odd else paired
    return columns[0]
