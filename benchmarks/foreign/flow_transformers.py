"""``SD3Transformer2DModel`` and ``FluxTransformer2DModel`` of diffusers, with flow matching."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.foreign.conditioned_unet import save_pipeline
from benchmarks.foreign.peer import Peer, dropped, embedding

STEPS, TOKENS, WIDTH = 20, 4, 32
ADAPTER = """{"conditions": {"text": {"kind": "text", "shape": [4, 32]},
                "pooled": {"kind": "vector", "shape": [32]}}}
"""


class FlowTransformer(Peer):
    """A transformer that predicts noise minus data on straight paths."""

    files = (("adapter.json", ADAPTER),)

    def scheduler(self) -> Any:
        """The scheduler of its pipeline."""
        raise NotImplementedError

    def called(self, network: nn.Module, x: Tensor, step: Tensor, label: Tensor) -> Tensor:
        """What the network says at steps of 0 .. 1000."""
        raise NotImplementedError

    def loss(self, network: nn.Module, x1: Tensor, label: Tensor) -> Tensor:
        """Squared error of the velocity."""
        sigma, noise = torch.rand(len(x1)), torch.randn_like(x1)
        share = sigma[:, None, None, None]
        said = self.called(network, x1 + share * (noise - x1), 1000 * sigma, dropped(label))
        return (said - (noise - x1)).square().mean()

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write a pipeline."""
        save_pipeline(folder / "model", "transformer", network, self.scheduler())

    def timesteps(self, scheduler: Any) -> Tensor:
        """The steps of its pipeline."""
        scheduler.set_timesteps(STEPS)
        return cast(Tensor, scheduler.timesteps)

    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """By the steps of the scheduler."""
        scheduler, x = self.scheduler(), noise
        for step in self.timesteps(scheduler):
            said = self.called(network, x, step.expand(len(x)), label)
            x = scheduler.step(said, step, x).prev_sample
        return x

    def forward(self, network: nn.Module, x: Tensor, label: Tensor) -> object:
        """Halfway."""
        return self.called(network, x, torch.full((len(x),), 500.0), label)

    def conditions(self, label: int) -> dict[str, np.ndarray[Any, Any]]:
        """The embedding, by token and pooled."""
        text = embedding(torch.tensor([label]), TOKENS, WIDTH)[0]
        return {"text": text.numpy(), "pooled": text.mean(0).numpy()}


class SD3(FlowTransformer):
    """The transformer of Stable Diffusion 3, small."""

    name, title = "sd3", "SD3Transformer2DModel"
    command = "sureflow import ./model --name sd3 --adapter adapter.json --data digits.safetensors"

    def make(self) -> nn.Module:
        """Three joint layers."""
        from diffusers import SD3Transformer2DModel

        network = SD3Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=1,
            out_channels=1,
            num_layers=3,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            caption_projection_dim=32,
            pooled_projection_dim=WIDTH,
            pos_embed_max_size=8,
        )
        return cast(nn.Module, network)

    def scheduler(self) -> Any:
        """With the shift of SD3."""
        from diffusers import FlowMatchEulerDiscreteScheduler

        return FlowMatchEulerDiscreteScheduler(shift=3.0)

    def called(self, network: nn.Module, x: Tensor, step: Tensor, label: Tensor) -> Tensor:
        """What the network says."""
        text = embedding(label, TOKENS, WIDTH)
        return cast(
            Tensor,
            network(
                x, encoder_hidden_states=text, pooled_projections=text.mean(1), timestep=step
            ).sample,
        )


class Flux(FlowTransformer):
    """The transformer of FLUX, small."""

    name, title = "flux", "FluxTransformer2DModel"
    command = (
        "sureflow import ./model --name flux --shape 1,8,8 --adapter adapter.json \\\n"
        "  --data digits.safetensors"
    )

    def make(self) -> nn.Module:
        """One double and two single layers."""
        from diffusers import FluxTransformer2DModel

        network = FluxTransformer2DModel(
            patch_size=1,
            in_channels=4,
            num_layers=1,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            axes_dims_rope=(4, 6, 6),
        )
        return cast(nn.Module, network)

    def scheduler(self) -> Any:
        """With the shift that depends on the size."""
        from diffusers import FlowMatchEulerDiscreteScheduler

        return FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)

    def timesteps(self, scheduler: Any) -> Tensor:
        """Those of FLUX's pipeline, for 16 tokens."""
        mu = 0.5 + (16 - 256) * (1.15 - 0.5) / (4096 - 256)
        assert math.isfinite(mu)
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / STEPS, STEPS), mu=mu)
        return cast(Tensor, scheduler.timesteps)

    def called(self, network: nn.Module, x: Tensor, step: Tensor, label: Tensor) -> Tensor:
        """What the network says of the tokens, squares of 2 by 2."""
        text = embedding(label, TOKENS, WIDTH)
        rows, half = len(x), x.shape[-1] // 2
        tokens = x.view(rows, 1, half, 2, half, 2).permute(0, 2, 4, 1, 3, 5)
        places = torch.zeros(half, half, 3)
        places[..., 1] += torch.arange(half)[:, None]
        places[..., 2] += torch.arange(half)[None, :]
        said = network(
            tokens.reshape(rows, half * half, 4),
            encoder_hidden_states=text,
            pooled_projections=text.mean(1),
            timestep=step / 1000,
            img_ids=places.reshape(-1, 3),
            txt_ids=torch.zeros(TOKENS, 3),
        ).sample
        squares = said.view(rows, half, half, 1, 2, 2).permute(0, 3, 1, 4, 2, 5)
        return cast(Tensor, squares.reshape(x.shape))
