"""Trains a critic on data against samples of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from sureflow.evaluation.auroc import auroc
from sureflow.learned import LEARNED_FROM, NETWORK
from sureflow.model import Model
from sureflow.networks.scorers.critic import Critic, evaluate
from sureflow.training.own import own_samples
from sureflow.training.suited import data_at

RATE, BATCH, STEEP = 2e-3, 128, 3.0
"""Learning rate, rows of each kind in a batch, and the logarithm of the first scale of ``D``."""


class _Normalised(nn.Module):
    """The layers of a critic, each divided by its norm as a power iteration has it.

    The iteration takes one step at every evaluation in training, and begins where the last one
    ended (Miyato et al., 2018, algorithm 1), with the layer as the operator that it is.
    """

    def __init__(self, critic: Critic, generator: torch.Generator) -> None:
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        self.directions: list[Tensor] = []
        for number, size in enumerate(critic.sizes()):
            fan = 1.0
            for side in size[1:]:
                fan *= side
            self.weights.append(nn.Parameter(torch.randn(size, generator=generator) / fan**0.5))
            self.biases.append(nn.Parameter(torch.zeros(size[0])))
            side = 2 << number
            image = [z // side for z in critic.shape[1:]] if len(size) == 4 else []
            self.directions.append(torch.randn(1, size[1], *image, generator=generator))

    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Normalised weights, and biases."""
        found = []
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if self.training:
                with torch.no_grad():
                    back = _transposed(_applied(self.directions[number], weight), weight)
                    self.directions[number] = back / back.norm()
            norm = _applied(self.directions[number], weight).norm()
            found.append((weight / norm, bias))
        return found


def _applied(x: Tensor, weight: Tensor) -> Tensor:
    return F.conv2d(x, weight, padding=1) if weight.dim() == 4 else F.linear(x, weight)


def _transposed(y: Tensor, weight: Tensor) -> Tensor:
    if weight.dim() == 4:
        return F.conv_transpose2d(y, weight, padding=1)
    return F.linear(y, weight.T)


def train_critic(
    real: Tensor,
    made: Tensor,
    settings: dict[str, Any],
    *,
    width: int = 32,
    steps: int = 1000,
    seed: int = 0,
    quiet: bool = False,
) -> Critic:
    """Train a critic to tell ``real [n, *shape]`` from ``made [m, *shape]``.

    It minimises the logistic loss of ``c D``, with ``c`` learned, on four fifths of each. At the
    end all layers are divided by their exact norms, so that the certified constant is 1.

    Returns:
        The critic. Its settings have ``auroc``: how well it tells the last fifths apart, 0.5 for a
        model that it cannot tell from data.
    """
    generator = torch.Generator().manual_seed(seed)
    critic = Critic(real.shape[1:], width, settings)
    net = _Normalised(critic, generator).train()
    steep = nn.Parameter(torch.tensor(STEEP))
    kept = [int(0.8 * len(z)) for z in (real, made)]
    optimizer = torch.optim.Adam([*net.parameters(), steep], RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in tqdm(range(steps), disable=quiet, unit="step", desc="critic"):
        rows = [
            z[torch.randint(count, (BATCH,), generator=generator)]
            for z, count in zip((real, made), kept, strict=True)
        ]
        values = evaluate(torch.cat(rows), net.layers()) * steep.exp()
        loss = F.softplus(-values[:BATCH]).mean() + F.softplus(values[BATCH:]).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        layers = [(weight.detach(), bias.detach()) for weight, bias in net.eval().layers()]
        critic.put(layers)
        scale, exact = 1.0, []
        for (weight, bias), norm in zip(layers, critic.norms(), strict=True):
            scale *= norm
            exact.append((weight / norm, bias / scale))
        critic.put(exact)
        read = critic(torch.cat([real[kept[0] :], made[kept[1] :]]))
    bad = torch.arange(len(read)) >= len(real) - kept[0]
    critic.settings["auroc"] = round(auroc(read.double().numpy(), bad.numpy()), 4)
    return critic.eval()


def critic_of(
    model: Model, data: Path, count: int, runs: Path, *, quiet: bool = False, **options: int
) -> Critic:
    """Train a critic of a model on so many real samples, and as many of its own.

    Args:
        model: The model.
        data: As for :func:`~sureflow.training.suited.data_at`.
        count: How many of each.
        runs: Folder for samples of the model.
        quiet: Whether to show no progress.
        options: Width, steps and seed of :func:`train_critic`.

    Raises:
        ValueError: The data do not suit the model; the message begins with the field.
        FileNotFoundError: They are not installed.
    """
    source, seed = data_at(data, model), options["seed"]
    own = own_samples(model, count, seed, runs / model.card.name, quiet=quiet)
    real = source.draw(count, torch.Generator().manual_seed(seed)).samples
    settings = {
        "data": source.description,
        "samples": count,
        "seed": seed,
        LEARNED_FROM: {NETWORK: model.digests.get(NETWORK)},
    }
    width, steps = options["width"], options["steps"]
    return train_critic(
        real, own.samples, settings, width=width, steps=steps, seed=seed, quiet=quiet
    )
