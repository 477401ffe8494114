"""Models of images of several sizes, with weights drawn at random."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.model import Model
from sureflow.networks import FrozenVelocity, build

SHAPES = ((1, 8, 8), (1, 8, 12), (1, 4, 4))

LATENTS = {
    "kind": "staged",
    "denoiser": {
        "kind": "unet",
        "shape": [2, 4, 4],
        "shapes": [[2, 4, 4], [2, 6, 4]],
        "channels": [16],
        "blocks": 1,
        "patch": 1,
        "embedding": 16,
        "classes": 2,
    },
    "decoder": {
        "base": "image_decoder",
        "arguments": {"latent": 2, "channels": [16, 8]},
        "shape": [1, 8, 8],
    },
    "sample_encoder": {
        "base": "image_encoder",
        "arguments": {"latent": 2, "channels": [8]},
    },
    "preview": {
        "base": "image_decoder",
        "arguments": {"latent": 2, "channels": [4, 2]},
        "shape": [1, 8, 8],
    },
}


class Canvas(nn.Module):
    """Somebody's convolutions, for images of any size."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 6, 3, padding=1)
        self.label = nn.Embedding(3, 6)
        self.last = nn.Conv2d(6, 1, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        said = self.label(label) + t[:, None]
        # The state keeps its place: with the mean of all pixels in it, sizes are not alike.
        h = torch.tanh(self.first(x) + said[:, :, None, None] + x.mean((1, 2, 3), keepdim=True))
        return self.last(h)


def canvas() -> FrozenVelocity:
    """A velocity of that, with the variance of a head beside it."""
    torch.manual_seed(0)
    network = FrozenVelocity(Canvas(), shape=SHAPES[0], classes=2, shapes=SHAPES)
    with torch.no_grad():
        for parameter in network.noise_parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def write(folder: Path, config: dict[str, object], classes: tuple[str, ...]) -> Path:
    """Write a checkpoint of images, its weights moved from where they begin."""
    torch.manual_seed(1)
    network = build(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    saved = CheckpointConfig(name=folder.name, media="image", classes=classes, network=config)
    save(folder, saved, network)
    return folder


def latents(folder: Path) -> Model:
    """A model of latents of two sizes, and their decoder."""
    return load(write(folder, LATENTS, ("a", "b")))
