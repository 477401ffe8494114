"""Points on paths from noise to data: what a network is asked, and what it should answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from sureflow.core.path import LINEAR, sample_times
from sureflow.networks import VelocityNetwork
from sureflow.networks.foreign.convention import Convention
from sureflow.training.config import TrainingConfig
from sureflow.training.data import Source
from sureflow.training.drawn import Drawn


@dataclass(frozen=True)
class Points:
    """Points on paths, on the device of the network.

    Attributes:
        x: The points, ``[n, *shape]``.
        t: Their times, ``[n]``.
        u: ``x1 - x0``, ``[n, *shape]``.
        label: Labels, ``[n]``.
        given: Conditions by name, ``[n, ...]``.
    """

    x: Tensor
    t: Tensor
    u: Tensor
    label: Tensor
    given: dict[str, Tensor]

    @classmethod
    def between(
        cls,
        x0: Tensor,
        drawn: Drawn,
        t: Tensor,
        free: Tensor,
        network: VelocityNetwork,
        convention: Convention | None = None,
    ) -> Self:
        """Points at these times on the paths from noise ``x0`` to what was drawn.

        Rows that are ``free``, ``[n]`` of bool, have no condition: each is null, but for those that
        are required, and so is the label, if the network knows a null label. The path is that of
        the convention, by default the network's own.
        """
        x1, label, device = drawn.samples, drawn.labels, network.device
        if network.null_label:
            label = torch.where(free, network.classes, label)
        if convention is None:
            start = network.start(x0, x1, **drawn.conditions)
        else:
            start = convention.start(x0, x1)
        given = {
            name: _freed(value, free, network, name).to(device)
            for name, value in drawn.conditions.items()
        }
        parts = LINEAR.interpolate(start, x1, t), t, x1 - start, label
        x, t, u, label = (part.to(device) for part in parts)
        return cls(x, t, u, label, given)

    def rows(self, chosen: slice) -> Self:
        """Some of them."""
        given = {name: value[chosen] for name, value in self.given.items()}
        x, t, u, label = (part[chosen] for part in (self.x, self.t, self.u, self.label))
        return type(self)(x, t, u, label, given)


def points_on_paths(
    network: VelocityNetwork, source: Source, config: TrainingConfig, generator: torch.Generator
) -> Points:
    """A batch of points at random times, some of them without a condition."""
    drawn = source.draw(config.batch, generator)
    x0 = network.draw_noise(drawn.samples.shape, generator)
    t = sample_times(config.batch, config.time, generator)
    dropped = torch.rand(config.batch, generator=generator) < config.label_dropout
    return Points.between(x0, drawn, t, dropped, network)


def _freed(value: Tensor, free: Tensor, network: VelocityNetwork, name: str) -> Tensor:
    """The arrays of a condition, null in free rows unless it is required."""
    if network.conditions[name].required:
        return value
    rows = free.reshape(-1, *(1 for _ in value.shape[1:]))
    return torch.where(rows, network.null_of(name).to(value), value)
