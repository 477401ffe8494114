"""``UNet2DModel`` of diffusers, which predicts the noise, v or the data, with DDIM."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from benchmarks.foreign.digits import CLASSES
from benchmarks.foreign.peer import Peer, dropped

STEPS, TRAINED = 20, 1000


class UNet(Peer):
    """A U-Net with class labels, the last of which is the null."""

    prediction: ClassVar[str]
    betas: ClassVar[str] = "linear"
    classes = CLASSES

    def make(self) -> nn.Module:
        """A network of two resolutions."""
        from diffusers import UNet2DModel

        return cast(nn.Module, UNet2DModel(**self.config()))

    def config(self) -> dict[str, Any]:
        """Arguments of the class."""
        return {
            "sample_size": self.shape[-1],
            "in_channels": self.shape[0],
            "out_channels": self.shape[0],
            "layers_per_block": 1,
            "block_out_channels": (16, 24),
            "norm_num_groups": 8,
            "attention_head_dim": 12,
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
            "num_class_embeds": CLASSES + 1,
        }

    def scheduler(self) -> Any:
        """The scheduler, with the steps that end one before the data."""
        from diffusers import DDIMScheduler

        return DDIMScheduler(
            beta_schedule=self.betas,
            prediction_type=self.prediction,
            timestep_spacing="trailing",
            clip_sample=False,
        )

    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """Squared error of what it predicts, at steps drawn evenly."""
        scheduler, noise = self.scheduler(), torch.randn_like(x1)
        step = torch.randint(TRAINED, (len(x1),))
        noisy = scheduler.add_noise(x1, noise, step)
        wanted = {"epsilon": noise, "sample": x1}.get(self.prediction)
        if wanted is None:
            wanted = scheduler.get_velocity(x1, noise, step)
        return (self.called(network, noisy, step, dropped(label)) - wanted).square().mean()

    def called(self, network: nn.Module, x: Tensor, step: Tensor, label: Tensor) -> Tensor:
        """What the network says."""
        return cast(Tensor, network(x, step, class_labels=label).sample)

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write a pipeline."""
        from diffusers import DDIMPipeline

        pipeline = DDIMPipeline(network, self.scheduler())
        pipeline.save_pretrained(folder / "model")

    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """By the steps of the scheduler."""
        scheduler = self.scheduler()
        scheduler.set_timesteps(STEPS)
        x = noise * self.start(scheduler)
        for step in scheduler.timesteps:
            said = self.called(network, scheduler.scale_model_input(x, step), step, label)
            x = scheduler.step(said, step, x).prev_sample
        return x

    def start(self, scheduler: Any) -> float:
        """Deviation of the noise from which it starts."""
        return float(scheduler.init_noise_sigma)

    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """At the middle step."""
        return self.called(network, x, torch.full((len(x),), TRAINED // 2), label)


class NoiseUNet(UNet):
    """DDPM's network."""

    iterations = 1500
    name, title, prediction = "unet-noise", "UNet2DModel, DDPM", "epsilon"
    command = "sureflow import ./model --name unet-noise --classes 10 --data digits.safetensors"


class VelocityUNet(UNet):
    """A network of progressive distillation."""

    name, title, prediction = "unet-v", "UNet2DModel, v", "v_prediction"
    betas = "squaredcos_cap_v2"
    command = "sureflow import ./model --name unet-v --classes 10 --data digits.safetensors"


class DataUNet(UNet):
    """A network that predicts the clean image."""

    name, title, prediction = "unet-data", "UNet2DModel, clean sample", "sample"
    command = "sureflow import ./model --name unet-data --classes 10 --data digits.safetensors"
