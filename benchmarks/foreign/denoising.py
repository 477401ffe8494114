"""The U-Net and the diffusion of denoising-diffusion-pytorch, with its own defaults: v, sigmoid."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.foreign.peer import Peer


class Denoising(Peer):
    """A network that predicts v on a path with sigmoid betas of its own."""

    name, title = "denoising", "denoising-diffusion-pytorch Unet"
    package = "denoising-diffusion-pytorch"
    modules = ("denoising_diffusion_pytorch", "torchvision")
    note = "its sampler clips the data that it predicts; compared without"
    iterations = 400
    command = (
        "python write_adapter.py\n"
        "sureflow import denoising_diffusion_pytorch:Unet --name denoising \\\n"
        "  --weights unet.safetensors --adapter adapter.json --data digits.safetensors"
    )
    files = (
        (
            "write_adapter.py",
            """import json
from denoising_diffusion_pytorch.denoising_diffusion_pytorch import sigmoid_beta_schedule

betas = sigmoid_beta_schedule(1000).tolist()
adapter = {"shape": [1, 8, 8], "arguments": {"dim": 8, "dim_mults": [1, 2], "channels": 1},
           "inputs": {"x": "x", "t": "time"}, "prediction": "v",
           "path": {"kind": "discrete", "betas": betas}, "time": "round(step)"}
json.dump(adapter, open("adapter.json", "w"))
""",
        ),
    )

    def make(self) -> nn.Module:
        """Two resolutions."""
        from denoising_diffusion_pytorch import Unet

        return cast(nn.Module, Unet(dim=8, dim_mults=(1, 2), channels=1))

    def diffusion(self, network: nn.Module) -> Any:
        """With twenty steps of DDIM, and data in [-1, 1] as they are."""
        from denoising_diffusion_pytorch import GaussianDiffusion

        return GaussianDiffusion(network, image_size=8, sampling_timesteps=20, auto_normalize=False)

    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """Its own."""
        return cast(Tensor, self.diffusion(network)(x1))

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write its weights."""
        save_file(network.state_dict(), folder / "unet.safetensors")

    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """By DDIM, from this noise in place of its own."""
        diffusion = self.diffusion(network)
        whole = diffusion.model_predictions

        def unclipped(*given: Any, clip_x_start: bool, **others: Any) -> Any:
            return whole(*given, clip_x_start=False, **others)

        diffusion.model_predictions = unclipped
        module = "denoising_diffusion_pytorch.denoising_diffusion_pytorch"
        with (
            patch(f"{module}.torch.randn", lambda *_, **__: noise),
            patch(f"{module}.tqdm", lambda steps, **__: steps),
        ):
            return cast(Tensor, diffusion.ddim_sample(tuple(noise.shape)))

    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """At the middle step."""
        return network(x, torch.full((len(x),), 500))
