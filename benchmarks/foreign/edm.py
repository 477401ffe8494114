"""The network that Karras et al. precondition, with ``EDMEulerScheduler`` of diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.foreign.conditioned_unet import save_pipeline
from benchmarks.foreign.peer import dropped
from benchmarks.foreign.unet import UNet

SPREAD, MEAN, DEVIATION = 0.5, -1.2, 1.2
"""The deviation of the data; mean and deviation of the logarithm of sigma in training."""


class EDM(UNet):
    """A U-Net on data to which noise is added."""

    iterations = 600
    note = "both start from noise of 80, as in the paper, where diffusers has sqrt(80^2 + 1)"
    name, title, prediction = "edm", "UNet2DModel, EDM", "epsilon"
    command = "sureflow import ./model --name edm --classes 10 --data digits.safetensors"

    def scheduler(self) -> Any:
        """Euler's method."""
        from diffusers import EDMEulerScheduler

        return EDMEulerScheduler(sigma_data=SPREAD)

    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """Squared error of the denoised image, weighted as in the paper's table 1."""
        sigma = (MEAN + DEVIATION * torch.randn(len(x1))).exp()[:, None, None, None]
        noisy = x1 + sigma * torch.randn_like(x1)
        size = (sigma.square() + SPREAD**2).sqrt()
        said = self.called(network, noisy / size, sigma.log().flatten() / 4, dropped(label))
        wanted = (x1 - SPREAD**2 / size.square() * noisy) / (sigma * SPREAD / size)
        return (said - wanted).square().mean()

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write a pipeline."""
        save_pipeline(folder / "model", "unet", network, self.scheduler())

    def start(self, scheduler: Any) -> float:
        """The largest sigma, as in the paper; diffusers has ``sqrt(sigma_max^2 + 1)``."""
        return float(scheduler.config.sigma_max)

    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """Where sigma is 1."""
        return self.called(network, x, torch.zeros(len(x)), label)
