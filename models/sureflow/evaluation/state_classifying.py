"""Fitting classifiers of states: noise is mixed to images whose classes are known."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from sureflow.core.path import LINEAR
from sureflow.networks import VelocityNetwork
from sureflow.networks.state_classifier import StateClassifier
from sureflow.training.data import Source

STEPS, BATCH, RATE, DECAY, SMOOTHING = 2000, 128, 2e-3, 0.02, 0.05

TURN, STRETCH, SHEAR, SHIFT = math.radians(12), 0.12, 0.12, 0.1
"""Most by which images are turned, stretched, sheared, and shifted, the last in half sides."""


def fit_state_classifier(
    network: VelocityNetwork,
    source: Source,
    earliest: float,
    generator: torch.Generator,
    quiet: bool = False,
) -> StateClassifier:
    """Train a classifier of states ``x_t`` at times from the earliest one to 1.

    Args:
        network: Tells how its paths begin, and is not evaluated.
        source: Images with labels, ``[C, H, W]``. They are slightly turned and stretched.
        earliest: The earliest time.
        generator: Draws data, noise and times; weights and dropout come of a seed that it draws.
        quiet: Whether to show no progress.
    """
    found: StateClassifier
    with torch.random.fork_rng([]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        found = StateClassifier(network.shape[0], network.classes)
        optimizer = torch.optim.AdamW(found.parameters(), lr=RATE, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS)
        for _ in tqdm(range(STEPS), disable=quiet, unit="batch", desc="states"):
            drawn = source.draw(BATCH, generator)
            images = turned(drawn.samples, generator)
            t = earliest + (1 - earliest) * torch.rand(BATCH, generator=generator)
            noise = torch.randn(images.shape, generator=generator)
            states = LINEAR.interpolate(network.start(noise, images, **drawn.conditions), images, t)
            loss = F.cross_entropy(found(states, t), drawn.labels, label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return found.frozen()


def turned(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images ``[B, C, H, W]``, each turned, stretched, sheared and shifted a little at random."""

    def upto(most: float, *shape: int) -> Tensor:
        return most * (2 * torch.rand(len(images), *shape, generator=generator) - 1)

    angle, size, shear = upto(TURN), 1 + upto(STRETCH), upto(SHEAR)
    cos, sin = angle.cos() / size, angle.sin() / size
    map = torch.stack([cos, shear - sin, sin, cos], 1).view(-1, 2, 2)
    grid = F.affine_grid(
        torch.cat([map, upto(SHIFT, 2, 1)], 2), list(images.shape), align_corners=False
    )
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
