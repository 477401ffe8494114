"""A network of a user's own, with the path and the solver of flow_matching."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import cast

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.foreign.peer import Peer

FILE = """import torch
from torch import nn


class Velocity(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [nn.Linear(66, 160), nn.SiLU(), nn.Linear(160, 160), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(160, 64))

    def forward(self, x, t):
        t = t.expand(len(x)).unsqueeze(1)
        h = torch.cat([x.flatten(1), t, (1 - t).sqrt()], 1)
        return self.layers(h).reshape(x.shape)
"""


class FlowMatching(Peer):
    """A velocity on straight paths, by a module in the user's folder."""

    name, title, package = "flow-matching", "flow_matching, own module", "flow-matching"
    modules = ("flow_matching", "torchdiffeq")
    iterations = 3000
    solver = (("method", "euler"), ("steps", 50))
    command = (
        "sureflow import my_flow:Velocity --name flow-matching --weights flow.safetensors \\\n"
        "  --shape 1,8,8 --data digits.safetensors"
    )
    files = (("my_flow.py", FILE),)

    def make(self) -> nn.Module:
        """Of the user's file."""
        made = ModuleType("my_flow")
        exec(compile(FILE, "my_flow.py", "exec"), made.__dict__)
        return cast(nn.Module, made.Velocity())

    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """By its path of conditional optimal transport."""
        from flow_matching.path import CondOTProbPath

        drawn = CondOTProbPath().sample(x_0=torch.randn_like(x1), x_1=x1, t=torch.rand(len(x1)))
        return cast(Tensor, (network(drawn.x_t, drawn.t) - drawn.dx_t).square().mean())

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write its weights."""
        save_file(network.state_dict(), folder / "flow.safetensors")

    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """Fifty steps of its solver."""
        from flow_matching.solver import ODESolver

        solver = ODESolver(velocity_model=network)
        return cast(Tensor, solver.sample(x_init=noise, step_size=0.02, method="euler"))

    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """Halfway."""
        return network(x, torch.full((len(x),), 0.5))
