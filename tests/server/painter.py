"""Somebody's module, which knows three classes and no sample without one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Painter(nn.Module):
    """Predicts ``v`` of something; what it says is bounded, and depends on time and label."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(3, 4)
        self.body = nn.Linear(4, 4)

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        return torch.tanh(self.body(x)) + self.table(label) * torch.cos(t)[:, None]
