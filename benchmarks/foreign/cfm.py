"""torchcfm's U-Net with classes, and Euler's method of torchdiffeq, as in its examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.foreign.digits import CLASSES
from benchmarks.foreign.peer import Peer

ARGUMENTS: dict[str, Any] = {
    "dim": [1, 8, 8],
    "num_channels": 32,
    "num_res_blocks": 1,
    "channel_mult": [1],
    "attention_resolutions": "2",
    "use_scale_shift_norm": True,
    "class_cond": True,
    "num_classes": CLASSES,
}


class ConditionalFlow(Peer):
    """A velocity on straight paths, called with the time first."""

    name, title, package = "torchcfm", "torchcfm UNetModelWrapper", "torchcfm"
    modules = ("torchcfm", "torchdiffeq")
    classes = CLASSES
    iterations = 700
    command = (
        "sureflow import torchcfm.models.unet:UNetModel --name torchcfm \\\n"
        "  --weights flow.safetensors --adapter adapter.json --data digits.safetensors"
    )
    files = (
        (
            "adapter.json",
            """{"shape": [1, 8, 8], "classes": 10, "null_label": false,
 "inputs": {"x": "x", "t": "t", "label": "y"},
 "arguments": {"dim": [1, 8, 8], "num_channels": 32, "num_res_blocks": 1,
               "channel_mult": [1], "attention_resolutions": "2",
               "use_scale_shift_norm": true, "class_cond": true, "num_classes": 10}}
""",
        ),
    )

    def make(self) -> nn.Module:
        """Two resolutions."""
        from torchcfm.models.unet import UNetModel

        return cast(nn.Module, UNetModel(**ARGUMENTS))

    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """By its conditional flow matcher."""
        from torchcfm.conditional_flow_matching import ConditionalFlowMatcher

        t, x, u = ConditionalFlowMatcher(sigma=0.0).sample_location_and_conditional_flow(
            torch.randn_like(x1), x1
        )
        return cast(Tensor, (network(t, x, label) - u).square().mean())

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write its weights."""
        save_file(network.state_dict(), folder / "flow.safetensors")

    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """Twenty steps."""
        from torchdiffeq import odeint

        times = torch.linspace(0, 1, 21)
        path = odeint(lambda t, x: network(t, x, label), noise, times, method="euler")
        return cast(Tensor, path[-1])

    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """Halfway."""
        return network(torch.full((len(x),), 0.5), x, label)
