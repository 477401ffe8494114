"""The loop of every training here: AdamW, whose rate rises and falls once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

RECENT = 100
"""Steps over which the loss is averaged."""


def descend(
    network: nn.Module,
    loss: Callable[[], Tensor],
    steps: int,
    rate: float,
    *,
    decay: float,
    rise: float = 0.3,
    longest: float | None = None,
) -> float:
    """Train a network, and leave it in evaluation mode without gradients.

    Args:
        network: The network.
        loss: Draws a batch, and returns the loss of the network on it.
        steps: Number of steps.
        rate: The largest learning rate.
        decay: The decay of the weights.
        rise: Share of the steps in which the rate rises.
        longest: Longest gradient, to which longer ones are cut; ``None``: any.

    Returns:
        The mean loss of the last steps.
    """
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=rise)
    network.train()
    average = 0.0
    for step in range(steps):
        found = loss()
        optimizer.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        if longest is not None:
            nn.utils.clip_grad_norm_(network.parameters(), longest)
        optimizer.step()
        schedule.step()
        average += (found.item() - average) / min(step + 1, RECENT)
    network.requires_grad_(False).eval()
    return average
