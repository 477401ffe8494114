"""A judge of small digits: a classifier trained on images that no model was trained on."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.foreign.descent import descend
from benchmarks.foreign.digits import CLASSES, TRAINED, small

STEPS, BATCH = 1500, 128


class Reader(nn.Module):
    """Digits in [-1, 1], ``[B, 1, 8, 8]``, to logits ``[B, 10]``."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3, padding=1)
        self.second = nn.Conv2d(32, 64, 3, padding=1)
        self.third = nn.Conv2d(64, 64, 3, padding=1)
        self.hidden = nn.Linear(64 * 4, 96)
        self.last = nn.Linear(96, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        h = F.relu(self.first(images.clamp(-1, 1)))
        h = F.max_pool2d(F.relu(self.second(h)), 2)
        h = F.max_pool2d(F.relu(self.third(h)), 2)
        h = F.dropout(F.relu(self.hidden(h.flatten(1))), 0.3, self.training)
        logits: Tensor = self.last(h)
        return logits

    @torch.inference_mode()
    def read(self, images: Tensor) -> Tensor:
        """The most likely digits, ``[n]``."""
        labels: Tensor = self(images).argmax(1)
        return labels


@cache
def reader() -> Reader:
    """The judge, trained on the images held out, slightly moved and noisy."""
    images, labels = (part[TRAINED:] for part in small())
    torch.manual_seed(1)
    network = Reader()

    def loss() -> Tensor:
        index = torch.randint(len(images), (BATCH,))
        moved = _moved(images[index])
        return F.cross_entropy(network(moved), labels[index], label_smoothing=0.05)

    descend(network, loss, STEPS, 4e-3, decay=0.05)
    return network


def _moved(images: Tensor) -> Tensor:
    """Each image turned, scaled and shifted a little, with a little noise."""
    rows = len(images)
    change = torch.eye(2, 3).repeat(rows, 1, 1)
    change = change + 0.12 * torch.randn(rows, 2, 3) * torch.tensor([1.0, 1.0, 0.6])
    grid = F.affine_grid(change, [*images.shape], align_corners=False)
    moved = F.grid_sample(images + 1, grid, align_corners=False) - 1
    return moved + 0.05 * torch.randn_like(moved)
