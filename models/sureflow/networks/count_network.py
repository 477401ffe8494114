"""Networks that predict the counts at the end of bridges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from sureflow.core.card import Condition
from sureflow.networks.count_bridge import CountBridge

MAX_COMPONENTS = 1 << 14


class CountNetwork(nn.Module, ABC):
    """Posterior of every component of ``x1``, given the state ``x_t`` of a bridge of counts.

    Args:
        components: Names of the components, all different, such as genes.
        most: Largest count.
        classes: Number of classes; the label ``classes`` stands for none.
        source: Law from which bridges start, see
            :class:`~sureflow.networks.count_bridge.CountBridge`.
        mean: Its mean, if it is Poisson's.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    family: ClassVar[str] = "counts"

    def __init__(
        self,
        components: Sequence[str],
        most: int,
        classes: int = 0,
        source: str = "poisson",
        mean: float = 1.0,
    ) -> None:
        super().__init__()
        if not 1 <= len(components) <= MAX_COMPONENTS or len({*components}) < len(components):
            raise ValueError(f"components: expected 1 to {MAX_COMPONENTS} names, all different")
        if classes < 0:
            raise ValueError(f"classes: {classes} is below 0")
        self.components, self.classes = (*components,), classes
        self.bridge = CountBridge(most, source, mean)
        self.conditions: dict[str, Condition] = {}

    @property
    def most(self) -> int:
        """Largest count."""
        return self.bridge.most

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample."""
        return (len(self.components),)

    @property
    def device(self) -> torch.device:
        """Where the network lives; the CPU for one without tensors."""
        tensors = [*self.parameters(), *self.buffers()]
        return tensors[0].device if tensors else torch.device("cpu")

    @abstractmethod
    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """Log-probabilities ``[B, d, most + 1]`` of ``x1`` at states ``x [B, d]``, int64.

        Times are ``t [B]``, labels ``[B]``.
        """

    def seen(self, x: Tensor, t: Tensor) -> Tensor:
        """``log P(x_t = x | x1)`` by component and ``x1``, ``[B, d, most + 1]``."""
        tables = self.bridge.log_likelihood(t)
        index = x[..., None].expand(-1, -1, tables.shape[2])
        return tables.gather(1, index)
