"""The continuous normalising flow of zuko, from digits to noise."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.foreign.peer import Peer

FILE = """from torch import nn
from zuko.flows import CNF


class Velocity(nn.Module):
    def __init__(self):
        super().__init__()
        self.flow = CNF(features=64, freqs=5, hidden_features=(160, 160))

    def forward(self, x, t):
        return self.flow.transform.f(t, x)
"""


class ContinuousFlow(Peer):
    """A velocity from the data to the noise, by adaptive steps."""

    name, title, package = "zuko", "zuko CNF", "zuko"
    modules = ("zuko",)
    shape = (64,)
    iterations = 3000
    solver = (("method", "dopri5"), ("tolerance", 1e-6), ("min_steps", 20))
    note = "adaptive steps of both, tolerance 1e-6"
    command = (
        "sureflow import my_cnf:Velocity --name zuko --weights flow.safetensors --shape 64 \\\n"
        "  --prediction reverse_velocity --time '1 - t' --data digits.safetensors"
    )
    files = (("my_cnf.py", FILE),)

    def make(self) -> nn.Module:
        """Of the user's file."""
        made = ModuleType("my_cnf")
        exec(compile(FILE, "my_cnf.py", "exec"), made.__dict__)
        return cast(nn.Module, made.Velocity())

    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """Flow matching, as in zuko's tutorials; its time is 0 at the data."""
        t, noise = torch.rand(len(x1)), torch.randn_like(x1)
        x = (1 - t[:, None]) * x1 + t[:, None] * noise
        return cast(Tensor, (network(x, t) - (noise - x1)).square().mean())

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write its weights."""
        save_file(network.state_dict(), folder / "flow.safetensors")

    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """By the inverse of its transform."""
        flow = cast(Any, network).flow
        flow.transform.rtol = flow.transform.atol = 1e-6
        return torch.cat([flow().transform.inv(row) for row in torch.split(noise, 1)])

    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """Halfway."""
        return network(x, torch.full((len(x),), 0.5))
