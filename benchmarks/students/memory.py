"""A network that learns data by heart: a perceptron that predicts where a path ends.

What it predicts are the data and not the velocity, of which the noise is a part: so it has nothing
to learn but the few samples that there are. It is trained for long, with a learning rate that falls
to zero, and its weights are averaged.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sureflow.core.path import LINEAR
from sureflow.networks import MLP, FrozenVelocity, build, register

BASE = "benchmark-memory"
STEPS, BATCH, RATE, WARMUP, EMA = 8000, 256, 1e-3, 200, 0.999
WIDTH, LAYERS = 512, 3


class Memory(nn.Module):
    """A perceptron that is told a point of a straight path and its time, and says its end."""

    def __init__(self, size: int, width: int = WIDTH, layers: int = LAYERS) -> None:
        super().__init__()
        self.perceptron = MLP((size,), width, layers, noise=())

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """The data, ``[B, size]``."""
        found: Tensor = self.perceptron(x, t)
        return found


register(BASE, Memory)


def described(size: int) -> dict[str, Any]:
    """The config of the network as that of a diffusion model."""
    return {
        "kind": "frozen",
        "base": BASE,
        "arguments": {"size": size},
        "shape": [size],
        "prediction": "data",
        "variance": "none",
    }


def memory_of(samples: np.ndarray[Any, np.dtype[np.float32]], steps: int, seed: int) -> nn.Module:
    """Train a network on samples ``[N, size]`` by squared error, until it knows them by heart."""
    torch.manual_seed(seed)
    network = build(described(samples.shape[1]))
    assert isinstance(network, FrozenVelocity)
    module = network.network.requires_grad_(True)
    average = copy.deepcopy(module)
    weights, averaged = [*module.parameters()], [*average.parameters()]
    optimizer = torch.optim.AdamW(weights, RATE, betas=(0.9, 0.99), weight_decay=0.0)
    generator, data = torch.Generator().manual_seed(seed), torch.from_numpy(samples)
    for step in range(steps):
        decay = 0.5 * (1 + math.cos(math.pi * step / steps))
        optimizer.param_groups[0]["lr"] = RATE * min(1, (step + 1) / WARMUP) * decay
        optimizer.zero_grad()
        _loss(module, data, generator).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        kept = min(EMA, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_([*averaged], [*weights], 1 - kept)
    module.load_state_dict(average.state_dict())
    return network.requires_grad_(False).eval()


def _loss(module: nn.Module, data: Tensor, generator: torch.Generator) -> Tensor:
    """Squared error of where the paths of a batch end, at times drawn evenly."""
    x1 = data[torch.randint(len(data), (BATCH,), generator=generator)]
    x0 = torch.randn(x1.shape, generator=generator)
    t = torch.rand(BATCH, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        said = module(LINEAR.interpolate(x0, x1, t), t)
    loss: Tensor = (said.float() - x1).square().mean()
    return loss
