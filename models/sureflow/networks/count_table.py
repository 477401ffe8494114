"""Counts of a known distribution, whose posterior on the way is exact."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sureflow.networks.count_network import CountNetwork

MAX_ROWS = 1 << 14


class CountTable(CountNetwork):
    """The exact posterior of vectors of counts that are listed with their weights.

    Args:
        rows: The vectors that there are, ``[n, d]``.
        weights: Their probabilities, up to a factor, by class if there are several: ``[n]`` or
            ``[classes, n]``.
        most: Largest count of the bridges; by default that of the rows.
        source: See :class:`~sureflow.networks.count_network.CountNetwork`.
        mean: Likewise.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    rows: Tensor
    log_weight: Tensor

    def __init__(
        self,
        rows: Sequence[Sequence[int]],
        weights: Sequence[float] | Sequence[Sequence[float]],
        most: int | None = None,
        source: str = "poisson",
        mean: float = 1.0,
    ) -> None:
        with torch.device("cpu"):  # they have values, which tensors of the meta device have not
            table, weight = torch.tensor(rows), torch.tensor(weights, dtype=torch.float64)
        if table.dim() != 2 or not 1 <= len(table) <= MAX_ROWS or table.dtype != torch.int64:
            raise ValueError(f"rows: expected 1 to {MAX_ROWS} vectors of counts of one length")
        if int(table.min()) < 0:
            raise ValueError("rows: a count is below 0")
        weight = weight if weight.dim() == 2 else weight[None]
        if weight.shape[1] != len(table) or not (weight >= 0).all() or not weight.sum(1).all():
            raise ValueError("weights: expected a number for each row, at least 0, not all 0")
        classes = len(weight) if len(weight) > 1 else 0
        names = [f"count {number}" for number in range(table.shape[1])]
        super().__init__(names, most or int(table.max()), classes, source, mean)
        if int(table.max()) > self.most:
            raise ValueError(f"most: a row has {int(table.max())}")
        weight = weight / weight.sum(1, keepdim=True)
        whole = torch.cat([weight, weight.mean(0, keepdim=True)]) if classes else weight
        self.register_buffer("rows", table, persistent=False)
        self.register_buffer("log_weight", whole.log(), persistent=False)

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """See :class:`~sureflow.networks.count_network.CountNetwork`."""
        seen, (n, d) = self.seen(x, t).double(), self.rows.shape
        index = self.rows.T[None].expand(len(x), d, n)
        fits = self.log_weight[label] + seen.gather(2, index).sum(1)
        weight = fits.softmax(1)
        found = torch.zeros(len(x), d, self.most + 1, dtype=torch.float64, device=x.device)
        found.scatter_add_(2, index, weight[:, None].expand(len(x), d, n))
        return found.clamp(min=1e-300).log().float()
