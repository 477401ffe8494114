"""Networks of diffusers with a few thousand parameters, and folders of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

UNET = {
    "sample_size": 8,
    "in_channels": 1,
    "out_channels": 1,
    "block_out_channels": [8, 8],
    "layers_per_block": 1,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    "norm_num_groups": 4,
    "attention_head_dim": 4,
}
CONDITIONED = UNET | {
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "cross_attention_dim": 12,
}
LARGE = CONDITIONED | {
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 4,
    "projection_class_embeddings_input_dim": 10 + 6 * 4,
}
HEADS = {"num_attention_heads": 2, "attention_head_dim": 12, "num_layers": 1}
DIT = HEADS | {
    "in_channels": 4,
    "out_channels": 8,
    "sample_size": 8,
    "num_embeds_ada_norm": 10,
}
PIXART = HEADS | {
    "in_channels": 4,
    "out_channels": 8,
    "sample_size": 8,
    "num_attention_heads": 2,
    "cross_attention_dim": 24,
    "caption_channels": 12,
    "use_additional_conditions": False,
}
SIZED_PIXART = PIXART | {"attention_head_dim": 24, "use_additional_conditions": True}
SIZED_PIXART |= {"cross_attention_dim": 48}
TEXT = {"joint_attention_dim": 12, "pooled_projection_dim": 10}
SD3 = (
    HEADS
    | TEXT
    | {
        "sample_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 2,
        "caption_projection_dim": 24,
        "pos_embed_max_size": 8,
    }
)
FLUX = (
    HEADS
    | TEXT
    | {
        "in_channels": 16,
        "num_single_layers": 1,
        "axes_dims_rope": [4, 4, 4],
        "guidance_embeds": True,
    }
)

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "unet": ("UNet2DModel", UNET),
    "labelled": ("UNet2DModel", UNET | {"num_class_embeds": 10}),
    "conditioned": ("UNet2DConditionModel", CONDITIONED),
    "large": ("UNet2DConditionModel", LARGE),
    "dit": ("DiTTransformer2DModel", DIT),
    "pixart": ("PixArtTransformer2DModel", PIXART),
    "sized": ("PixArtTransformer2DModel", SIZED_PIXART),
    "sd3": ("SD3Transformer2DModel", SD3),
    "flux": ("FluxTransformer2DModel", FLUX),
}
"""Class and config, by a name."""


def peer(name: str) -> Any:
    """The network as diffusers makes it, with every weight drawn."""
    import diffusers

    kind, config = MODELS[name]
    network = getattr(diffusers, kind)(**config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def saved(name: str, folder: Path, **options: Any) -> Path:
    """The folder of a bare model, as diffusers writes it."""
    peer(name).save_pretrained(folder, **options)
    return folder


def bare(folder: Path, config: Mapping[str, Any], **tensors: torch.Tensor) -> Path:
    """A model's folder with a config and weights that need not fit together."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if tensors:
        save_file(tensors, folder / "diffusion_pytorch_model.safetensors")
    return folder


def scheduled(folder: Path, name: str = "DDPMScheduler", **config: Any) -> Path:
    """The folder, with the config of a scheduler as diffusers writes it."""
    import diffusers

    getattr(diffusers, name)(**config).save_pretrained(folder / "scheduler")
    return folder
