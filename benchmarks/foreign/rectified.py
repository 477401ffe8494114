"""The U-Net and the flow of rectified-flow-pytorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.foreign.peer import Peer


class Rectified(Peer):
    """A velocity on straight paths."""

    name, title, package = "rectified", "rectified-flow-pytorch Unet", "rectified-flow-pytorch"
    modules = ("rectified_flow_pytorch", "torchvision", "x_unet")
    iterations = 400
    solver = (("method", "midpoint"), ("steps", 10))
    command = (
        "sureflow import rectified_flow_pytorch.rectified_flow:Unet --name rectified \\\n"
        "  --weights unet.safetensors --adapter adapter.json --data digits.safetensors"
    )
    files = (
        (
            "adapter.json",
            """{"shape": [1, 8, 8], "inputs": {"x": "x", "t": "times"},
 "arguments": {"dim": 8, "dim_mults": [1, 2], "channels": 1}}
""",
        ),
    )

    def make(self) -> nn.Module:
        """Two resolutions."""
        from rectified_flow_pytorch.rectified_flow import Unet

        return cast(nn.Module, Unet(dim=8, dim_mults=(1, 2), channels=1))

    def flow(self, network: nn.Module) -> Any:
        """With data in [-1, 1] as they are."""
        from rectified_flow_pytorch import RectifiedFlow

        return RectifiedFlow(
            network, data_normalize_fn=lambda x: x, data_unnormalize_fn=lambda x: x
        )

    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """Its own."""
        return cast(Tensor, self.flow(network)(x1))

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write its weights."""
        save_file(network.state_dict(), folder / "unet.safetensors")

    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """By the midpoint method, its default."""
        flow = self.flow(network)
        return cast(Tensor, flow.sample(len(noise), steps=11, noise=noise, data_shape=self.shape))

    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """Halfway."""
        return network(x, times=torch.full((len(x),), 0.5))
