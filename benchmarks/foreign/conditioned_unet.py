"""``UNet2DConditionModel`` of diffusers, conditioned on an embedding in place of a text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.foreign.peer import embedding
from benchmarks.foreign.unet import UNet

TOKENS, WIDTH = 4, 32


class ConditionedUNet(UNet):
    """The network of Stable Diffusion, small."""

    name, title, prediction = "unet-text", "UNet2DConditionModel, text", "epsilon"
    betas = "scaled_linear"
    classes = 0
    iterations = 500
    command = (
        "sureflow import ./model --name unet-text --adapter adapter.json \\\n"
        "  --data digits.safetensors"
    )
    files = (("adapter.json", '{"conditions": {"text": {"kind": "text", "shape": [4, 32]}}}\n'),)

    def make(self) -> nn.Module:
        """With cross-attention at the lower resolution."""
        from diffusers import UNet2DConditionModel

        return cast(nn.Module, UNet2DConditionModel(**self.config()))

    def config(self) -> dict[str, Any]:
        """Arguments of the class."""
        return {
            "sample_size": 8,
            "in_channels": 1,
            "out_channels": 1,
            "layers_per_block": 1,
            "block_out_channels": (16, 24),
            "norm_num_groups": 8,
            "attention_head_dim": 2,
            "cross_attention_dim": WIDTH,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        }

    def scheduler(self) -> Any:
        """That of Stable Diffusion."""
        from diffusers import DDIMScheduler

        return DDIMScheduler(
            beta_schedule=self.betas,
            beta_start=0.00085,
            beta_end=0.012,
            timestep_spacing="trailing",
            clip_sample=False,
        )

    def called(self, network: nn.Module, x: Tensor, step: Tensor, label: Tensor) -> Tensor:
        """What the network says."""
        text = embedding(label, TOKENS, WIDTH)
        return cast(Tensor, network(x, step, encoder_hidden_states=text).sample)

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write network and scheduler, with the index of a pipeline."""
        save_pipeline(folder / "model", "unet", network, self.scheduler())

    def conditions(self, label: int) -> dict[str, np.ndarray[Any, Any]]:
        """The embedding."""
        return {"text": embedding(torch.tensor([label]), TOKENS, WIDTH)[0].numpy()}


def save_pipeline(folder: Path, part: str, network: Any, scheduler: Any) -> None:
    """Write the parts of a pipeline, without the encoders of its texts."""
    network.save_pretrained(folder / part)
    scheduler.save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "DiffusionPipeline",
        part: ["diffusers", type(network).__name__],
        "scheduler": ["diffusers", type(scheduler).__name__],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
