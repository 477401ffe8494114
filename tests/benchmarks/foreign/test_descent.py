"""The loop that trains the guests of a benchmark."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.foreign.descent import descend


def test_it_descends_and_leaves_the_network_as_it_is_used() -> None:
    torch.manual_seed(0)
    network, x = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)), torch.randn(64, 2)
    modes = []

    def loss() -> torch.Tensor:
        modes.append(network.training)
        found: torch.Tensor = (network(x) - 3 * x.flip(1)).square().mean()
        return found

    with torch.no_grad():
        first = float(loss())
    modes.clear()
    last = descend(network, loss, 300, 0.1, decay=0.0, rise=0.1, longest=1.0)
    assert last < 0.3 * first
    with torch.no_grad():
        assert float(loss()) < 1e-4
    assert modes == [True] * 300 + [False]
    assert not any(z.requires_grad for z in network.parameters())
