"""The objective of count flow matching: the end of a bridge, by its state."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from sureflow.networks.count_network import CountNetwork
from sureflow.training.config import TrainingConfig

GRID = 128
"""Times at which bridges are looked at: the middles of so many equal parts."""


class CountPoints(NamedTuple):
    """States of bridges and their ends, on the device of the network.

    Attributes:
        x: The states, ``[n, d]``, int64.
        t: Their times, ``[n]``.
        label: Labels, ``[n]``.
        end: Where the bridges end, ``[n, d]``, int64.
    """

    x: Tensor
    t: Tensor
    label: Tensor
    end: Tensor


def points(
    network: CountNetwork, source: Any, config: TrainingConfig, generator: torch.Generator
) -> CountPoints:
    """A batch of states at random times of bridges from the source to data.

    Raises:
        ValueError: The data have counts that the network does not know.
    """
    drawn = source.draw(config.batch, generator)
    end, rows = drawn.samples.long(), len(drawn.samples)
    if int(end.min()) < 0 or int(end.max()) > network.most:
        raise ValueError(f"data: has counts outside of 0 .. {network.most}")
    law = torch.from_numpy(network.bridge.law)
    start = torch.multinomial(law, end.numel(), True, generator=generator).view(end.shape)
    t = (torch.randint(GRID, (rows,), generator=generator) + 0.5) / GRID
    apart = (end - start).abs().double()
    moved = torch.binomial(apart, t.double()[:, None].expand_as(apart), generator=generator).long()
    x = start + (end - start).sign() * moved
    free = torch.rand(rows, generator=generator) < config.label_dropout
    label = (
        torch.where(free, network.classes, drawn.labels) if network.classes else drawn.labels * 0
    )
    device = network.device
    return CountPoints(*(part.to(device) for part in (x, t, label, end)))


def loss(network: CountNetwork, at: CountPoints) -> Tensor:
    """Mean surprise of a component's end given the state of all, in nats.

    Its minimum is the posterior, whose means are the rates that minimise the Bregman divergence of
    :func:`bregman` (Wei and Pearson, 2026, equation 9): it is the finer of both.
    """
    log_p = network(at.x, at.t, at.label)
    found: Tensor = -log_p.gather(2, at.end[..., None]).mean()
    found.backward()  # type: ignore[no-untyped-call]
    return found.detach()


def bregman_loss(network: CountNetwork, at: CountPoints) -> Tensor:
    """Mean :func:`bregman` divergence of a component, in units of jumps."""
    p, v = network(at.x, at.t, at.label).exp(), torch.arange(network.most + 1, device=at.x.device)
    apart, left = v - at.x[..., None], 1 - at.t[:, None]
    births, deaths = (
        (p * side.clamp(min=0)).sum(2) / left for side in (apart.float(), -apart.float())
    )
    wanted = (at.end - at.x) / left
    total = bregman(births, wanted.clamp(min=0)) + bregman(deaths, (-wanted).clamp(min=0))
    found = total.mean()
    found.backward()  # type: ignore[no-untyped-call]
    return found.detach()


def bregman(rate: Tensor, wanted: Tensor) -> Tensor:
    """Generalised Kullback-Leibler divergence of rates, but for what does not depend on ``rate``.

    Its mean is least where the rate is the conditional mean of the wanted one.
    """
    return rate - wanted * (rate + 1e-8).log()
