"""``DiTTransformer2DModel`` of diffusers, conditioned on classes."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from torch import Tensor, nn

from benchmarks.foreign.conditioned_unet import save_pipeline
from benchmarks.foreign.digits import CLASSES
from benchmarks.foreign.unet import UNet


class DiT(UNet):
    """A transformer of diffusion."""

    name, title, prediction = "dit", "DiTTransformer2DModel", "epsilon"
    command = "sureflow import ./model --name dit --data digits.safetensors"

    def make(self) -> nn.Module:
        """Three layers."""
        from diffusers import DiTTransformer2DModel

        network = DiTTransformer2DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=1,
            out_channels=1,
            num_layers=3,
            sample_size=8,
            patch_size=2,
            num_embeds_ada_norm=CLASSES,
            norm_num_groups=1,
        )
        return cast(nn.Module, network)

    def called(self, network: nn.Module, x: Tensor, step: Tensor, label: Tensor) -> Tensor:
        """What the network says; its own code drops labels."""
        step = step.expand(len(x))
        return cast(Tensor, network(x, timestep=step, class_labels=label).sample)

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write a pipeline."""
        save_pipeline(folder / "model", "transformer", network, self.scheduler())
