"""The affine path on which a foreign network was trained.

On it a point is ``X = alpha x1 + sigma x0``, with data ``x1`` and noise ``x0 ~ N(0, I)``. Its place
on the path is the *share of noise* ``n = sigma / (alpha + sigma)`` in [0, 1], which is 1 for pure
noise; all paths have it in common. What tells them apart is the scale ``alpha + sigma``, the range
of shares in training, and the clock by which the network is told the share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

Rates = tuple[Tensor, Tensor]
"""Derivatives of ``alpha`` and ``sigma`` in the path's own clock."""

LEAST = 1e-3
"""Share of noise at the last of equal steps where training goes on to the data."""


class AffinePath(BaseModel, ABC):
    """A path of one kind. All tensors are float64, one entry per row.

    Attributes:
        spacing: How the model's own schedule places a number of steps: ``trailing`` puts the last
            evaluation one step before the data, ``linspace`` at the last share in training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    spacing: Literal["trailing", "linspace"] = "trailing"

    def description(self) -> dict[str, Any]:
        """The fields of a config that make this path."""
        kind = {"kind": self.model_dump()["kind"]}
        return kind | self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @property
    @abstractmethod
    def first(self) -> float:
        """The largest share of noise in training, at which sampling begins."""

    @property
    @abstractmethod
    def last(self) -> float:
        """The smallest share of noise in training."""

    @property
    def start(self) -> float:
        """Standard deviation of the noise from which sampling begins, on this path's scale."""
        share = torch.tensor(self.first, dtype=torch.float64)
        return float(share * self.scale(share))

    @abstractmethod
    def scale(self, share: Tensor) -> Tensor:
        """``alpha + sigma`` at these shares of noise."""

    @abstractmethod
    def clock(self, share: Tensor) -> Tensor:
        """The path's own time at these shares, from 0 at the noise to 1 at the data."""

    @abstractmethod
    def share(self, t: Tensor) -> Tensor:
        """The share of noise at these times of the path's own clock; the inverse of ``clock``."""

    def step(self, share: Tensor) -> Tensor | None:
        """The index of the discrete step at these shares; ``None`` for a continuous path."""
        return None

    def rates(self, share: Tensor) -> Rates | None:
        """How fast ``alpha`` and ``sigma`` change; ``None`` if no network predicts such rates."""
        return None

    def schedule(self, steps: int) -> Tensor:
        """The shares ``[steps]`` at which the model's own schedule evaluates, descending."""
        if self.spacing == "trailing":
            times = torch.arange(steps, dtype=torch.float64) / steps
        else:
            last = self.clock(torch.tensor(max(self.last, LEAST), dtype=torch.float64))
            times = torch.linspace(0, float(last), steps, dtype=torch.float64)
        return self.share(times)


class UnitVariancePath(AffinePath):
    """A path with ``alpha^2 + sigma^2 = 1``, which preserves a unit variance."""

    @property
    def start(self) -> float:
        """1: the variance is preserved."""
        return 1.0

    def scale(self, share: Tensor) -> Tensor:
        """``alpha + sigma`` where their squares add up to 1."""
        return 1 / torch.sqrt(share.square() + (1 - share).square())
