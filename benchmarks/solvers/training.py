"""A diffusion model of handwritten digits, trained from scratch in about a quarter of an hour."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sureflow.core.card import ModelCard
from sureflow.families.diffusion.engine import DiffusionEngine
from sureflow.model import Model
from sureflow.networks import FrozenVelocity, VelocityNetwork, build
from sureflow.networks.foreign.convention import Convention
from sureflow.training.arrays import scaled
from sureflow.training.digits import DIGIT_NAMES, digits

NETWORK = {
    "kind": "unet",
    "shape": [1, 28, 28],
    "channels": [32, 64],
    "blocks": 1,
    "patch": 2,
    "classes": 10,
    "noise": [],
}
CONVENTION = {"path": {"kind": "discrete"}, "prediction": "v", "time": "t"}
"""The variance-preserving path of DDPM, with a thousand linear betas, and v."""

SEED, STEPS, BATCH, RATE, AVERAGE, DROPPED = 0, 3600, 48, 2e-3, 0.998, 0.1
TRAINED = 4500
"""The first so many images train it; the others are the reference of judge-FD."""


def network(work: Path) -> VelocityNetwork:
    """What predicts v; from its file, if it was trained before."""
    torch.manual_seed(SEED)
    trained, file = build(dict(NETWORK)), work / "diffusion.safetensors"
    if file.exists():
        trained.load_state_dict(load_file(file))
    else:
        _train(trained)
        work.mkdir(parents=True, exist_ok=True)
        save_file(trained.state_dict(), file)
    return trained.requires_grad_(False).eval()


def model(work: Path) -> Model:
    """The diffusion model."""
    module = network(work)
    velocity = FrozenVelocity(module, shape=(1, 28, 28), classes=10, variance="none", **CONVENTION)  # type: ignore[arg-type]
    facts = DiffusionEngine.facts(velocity, {})
    card = ModelCard("diffusion", "sha256:0", "image", (1, 28, 28), DIGIT_NAMES, 0)
    return Model(replace(card, family="diffusion", **facts), velocity.eval(), None)


def _train(trained: VelocityNetwork) -> None:
    """Train by the squared error of v at uniform steps; keep the average of the weights."""
    images, labels = digits()
    data, labels = scaled(images[:TRAINED]), labels[:TRAINED]
    path = Convention(**CONVENTION).path  # type: ignore[arg-type]
    draw = torch.Generator().manual_seed(SEED)
    average = deepcopy(trained).requires_grad_(False)
    optimizer = torch.optim.AdamW(trained.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS, pct_start=0.1)
    started, recent = time.monotonic(), 0.0
    for step in range(STEPS):
        loss = _loss(trained, data, labels, path, draw)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        share = min(AVERAGE, (step + 1) / (step + 10))
        for kept, new in zip(average.parameters(), trained.parameters(), strict=True):
            kept.lerp_(new.detach(), 1 - share)
        recent += (loss.item() - recent) / min(step + 1, 100)
        if step % 200 == 199:
            spent = time.monotonic() - started
            print(f"step {step + 1}: loss {recent:.4f}, {spent:.0f} s", flush=True)
    trained.load_state_dict(average.state_dict())


def _loss(
    trained: VelocityNetwork, data: Tensor, labels: Tensor, path: object, draw: torch.Generator
) -> Tensor:
    """The squared error of one batch."""
    chosen = torch.randint(len(data), (BATCH,), generator=draw)
    x1, label = data[chosen], labels[chosen]
    dropped = torch.rand(BATCH, generator=draw) < DROPPED
    label = torch.where(dropped, len(DIGIT_NAMES), label)
    x0 = torch.randn(x1.shape, generator=draw)
    t = torch.randint(1000, (BATCH,), generator=draw).double() / 999
    share = path.share(t)  # type: ignore[attr-defined]
    size = path.scale(share)  # type: ignore[attr-defined]
    alpha, sigma = ((z * size).float()[:, None, None, None] for z in (1 - share, share))
    told = path.clock(share).float()  # type: ignore[attr-defined]
    predicted = trained(alpha * x1 + sigma * x0, told, label)
    loss: Tensor = (predicted - (alpha * x0 - sigma * x1)).square().mean()
    return loss
