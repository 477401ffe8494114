"""Latents of ``AutoencoderKL`` of diffusers, denoised by a ``UNet2DModel``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from benchmarks.foreign.digits import small
from benchmarks.foreign.unet import UNet

CHANNELS, SIDE = 4, 4


class Latents(UNet):
    """A pipeline with a decoder, which is trained first."""

    name, title, prediction = "latents", "AutoencoderKL + UNet2DModel", "v_prediction"
    shape = (CHANNELS, SIDE, SIDE)
    betas = "scaled_linear"
    iterations = 1500
    command = "sureflow import ./model --name latents --classes 10 --data digits.safetensors"

    def make(self) -> nn.Module:
        """Both networks in one module."""
        from diffusers import AutoencoderKL

        decoder = AutoencoderKL(
            in_channels=1,
            out_channels=1,
            down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
            up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
            block_out_channels=(8, 16),
            latent_channels=CHANNELS,
            norm_num_groups=8,
            sample_size=8,
        )
        made = nn.ModuleDict({"vae": decoder, "unet": super().make()})
        made.register_buffer("size", torch.ones(()))
        made.register_buffer("step", torch.zeros(()))
        return made

    def prepared(self, x1: Tensor) -> Tensor:
        """Images; the module encodes them."""
        return x1

    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """First that of the decoder, then that of the network on latents of unit variance."""
        parts = cast(Any, network)
        parts.step += 1
        vae = parts["vae"]
        if parts.step <= self.iterations // 3:
            found = vae.encode(x1).latent_dist
            again = vae.decode(found.sample()).sample
            return cast(Tensor, (again - x1).square().mean() + 1e-6 * found.kl().mean())
        with torch.no_grad():
            latent = vae.encode(x1).latent_dist.mode()
            if parts.step <= self.iterations // 3 + 1:
                parts.size.copy_(1 / vae.encode(small()[0]).latent_dist.mode().std())
        return super().loss(parts["unet"], latent * parts.size, label)

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write a pipeline."""
        parts, model = cast(Any, network), folder / "model"
        parts["unet"].save_pretrained(model / "unet")
        parts["vae"].register_to_config(scaling_factor=float(parts.size))
        parts["vae"].save_pretrained(model / "vae")
        self.scheduler().save_pretrained(model / "scheduler")
        index = {
            "_class_name": "LDMPipeline",
            "unet": ["diffusers", "UNet2DModel"],
            "vae": ["diffusers", "AutoencoderKL"],
            "scheduler": ["diffusers", "DDIMScheduler"],
        }
        (model / "model_index.json").write_text(json.dumps(index))

    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """Latents."""
        return super().sample(cast(Any, network)["unet"], noise, label)

    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """Of the network that denoises."""
        return super().forward(cast(Any, network)["unet"], x, label)

    def encoded(self, network: nn.Module, images: Tensor) -> Tensor:
        """Latents of images."""
        parts = cast(Any, network)
        return cast(Tensor, parts["vae"].encode(images).latent_dist.mode() * parts.size)
