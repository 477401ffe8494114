"""The fingerprint of a training run: what it begins with, so that another one is not continued."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sureflow.learned import digest_of
from sureflow.networks import VelocityNetwork
from sureflow.training.arrays import Arrays
from sureflow.training.data import Source

PROBES, DRAWS = 8, 256
"""Points at which the network answers, and draws of a source that is no array."""


def fingerprint(settings: Any, network: nn.Module, source: Source) -> str:
    """A hash, as 12 digits, of settings (JSON data), weights, a velocity's answers and the data.

    Code and data files may change while their names stay; so the answers and the contents count.
    """
    tensors = {f"network.{name}": z for name, z in network.state_dict().items()}
    if isinstance(network, VelocityNetwork):
        tensors |= {"answers": answers(network)}
    tensors |= {f"data.{name}": z for name, z in _contents(source).items()}
    return digest_of(settings, tensors).removeprefix("sha256:")[:12]


@torch.no_grad()
def answers(network: VelocityNetwork) -> Tensor:
    """What a network answers at fixed points, ``[n, *shape]``; it is in evaluation mode after."""
    generator = torch.Generator().manual_seed(0)
    device = network.eval().device
    x = torch.randn(PROBES, *network.shape, generator=generator).to(device)
    t = torch.linspace(0, 1, PROBES).to(device)
    labels = torch.arange(PROBES) % max(1, network.classes + network.null_label)
    given = {
        name: torch.randn(PROBES, *condition.shape, generator=generator).to(device)
        for name, condition in network.conditions.items()
    }
    out: Tensor = network(x, t, labels.to(device), **given)
    return out


def _contents(source: Source) -> dict[str, Tensor]:
    if isinstance(source, Arrays):
        return {"samples": source.samples, "labels": source.labels, **source.conditions}
    drawn = source.draw(DRAWS, torch.Generator().manual_seed(0))
    return {"samples": drawn.samples, "labels": drawn.labels}
