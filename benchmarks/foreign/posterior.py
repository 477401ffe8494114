"""A posterior of sbi by flow matching, of two parameters given two observed numbers."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.foreign.peer import Peer

FILE = """import torch
from torch import nn
from sbi.neural_nets.net_builders import build_flow_matching_estimator


class Posterior(nn.Module):
    def __init__(self):
        super().__init__()
        example = torch.randn(100, 2)
        self.estimator = build_flow_matching_estimator(example, example, hidden_features=64)

    def forward(self, input, condition, time):
        return self.estimator(input, condition, time)
"""

ADAPTER = """{"shape": [2], "prediction": "reverse_velocity", "time": "1 - t",
 "inputs": {"x": "input", "t": "time", "observed": "condition"},
 "conditions": {"observed": {"kind": "vector", "shape": [2]}}}
"""


class Posterior(Peer):
    """Two moons: a velocity from parameters to noise."""

    name, title, package = "sbi", "sbi flow matching posterior", "sbi"
    modules = ("sbi", "zuko", "pyknos", "nflows")
    shape = (2,)
    iterations = 3000
    solver = (("method", "rk4"), ("steps", 400))
    note = "its own steps are adaptive, at tolerance 1e-7; ours are 400 of rk4"
    command = (
        "sureflow import my_posterior:Posterior --name sbi --weights flow.safetensors \\\n"
        "  --adapter adapter.json"
    )
    files = (("my_posterior.py", FILE), ("adapter.json", ADAPTER))

    def make(self) -> nn.Module:
        """Of the user's file."""
        made = ModuleType("my_posterior")
        exec(compile(FILE, "my_posterior.py", "exec"), made.__dict__)
        return cast(nn.Module, made.Posterior())

    def prepared(self, x1: Tensor) -> Tensor:
        """Parameters, in place of images."""
        return torch.rand(len(x1), 2) * 2 - 1

    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """Its own, of simulations."""
        return cast(Tensor, cast(Any, network).estimator.loss(x1, moons(x1)).mean())

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write its weights."""
        save_file(network.state_dict(), folder / "flow.safetensors")

    def observed(self, label: Tensor) -> Tensor:
        """What was observed: by label, places on a circle."""
        angle = label * (2 * math.pi / 10)
        return torch.stack([angle.cos(), angle.sin()], 1) * 0.4

    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """By the solver of its posterior."""
        from sbi.samplers.ode_solvers import build_neural_ode

        estimator = cast(Any, network).estimator
        ode = build_neural_ode(
            f=estimator.ode_fn,
            net=estimator.net,
            mean_base=estimator.mean_base,
            std_base=estimator.std_base,
            condition_shape=estimator.condition_shape,
            t_min=estimator.t_min,
            t_max=estimator.t_max,
        )
        made = []
        for row, seen in zip(noise, self.observed(label), strict=True):
            transform = ode.get_distribution(seen[None], atol=1e-7, rtol=1e-7).transform
            made.append(transform.inv(row[None]))
        return torch.cat(made)

    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """Halfway."""
        return network(x, self.observed(label), torch.full((len(x),), 0.5))

    def conditions(self, label: int) -> dict[str, np.ndarray[Any, Any]]:
        """What was observed."""
        return {"observed": self.observed(torch.tensor([label]))[0].numpy()}


def moons(parameters: Tensor) -> Tensor:
    """The simulator of Greenberg et al. (2019)."""
    angle = (torch.rand(len(parameters)) - 0.5) * math.pi
    radius = 0.1 + 0.01 * torch.randn(len(parameters))
    crescent = torch.stack([radius * angle.cos() + 0.25, radius * angle.sin()], 1)
    first, second = parameters.unbind(1)
    turned = torch.stack([-(first + second).abs(), -first + second], 1) / math.sqrt(2)
    return crescent + turned
