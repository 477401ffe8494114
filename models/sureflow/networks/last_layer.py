"""Finds the last layer of a foreign module, in front of which noise can be injected."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sureflow.networks.network import VelocityNetwork

MOST_TRIED = 8
"""How many layers that ran are tried, from the last one on."""


@torch.no_grad()
def last_layers(network: VelocityNetwork, module: nn.Module) -> list[str]:
    """Names of the ``Linear`` and ``Conv2d`` layers of a module within the network.

    They come as they ran in one evaluation of the network, from the last one on. Of layers that
    move entries after them only a trial tells; see :class:`~sureflow.networks.final.FinalLayer`.
    """
    names: dict[nn.Module, str] = {
        layer: name
        for name, layer in module.named_modules()
        if name and isinstance(layer, nn.Linear | nn.Conv2d)
    }
    ran: list[nn.Module] = []

    def record(layer: nn.Module, inputs: Any, output: Any) -> None:
        ran.append(layer)

    handles = [layer.register_forward_hook(record) for layer in names]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, *network.shape, generator=generator).to(network.device)
    try:
        network(x, torch.full((2,), 0.5).to(x), torch.zeros(2, dtype=torch.long, device=x.device))
    finally:
        for handle in handles:
            handle.remove()
    once = [layer for layer in reversed(ran) if ran.count(layer) == 1]
    return [names[layer] for layer in once[:MOST_TRIED]]
