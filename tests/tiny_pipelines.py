"""Pipelines of diffusers from a prompt to a sample, with a few thousand parameters and words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import torch

from tests.tiny_diffusers import peer

TOKENS = 16

CLIP = {
    "hidden_size": 12,
    "intermediate_size": 16,
    "projection_dim": 5,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 77,
}
T5 = {"d_model": 12, "d_kv": 6, "d_ff": 16, "num_layers": 2, "num_heads": 2}
T5 |= {"relative_attention_num_buckets": 8}
PIECES = ("▁a", "▁the", "▁cat", "▁dog", "▁", *"abcdefghijklmnopqrstuvwxyz,.!0123456789")


def clip_files(folder: Path, **config: Any) -> Path:
    """A folder with the vocabulary and the merges of a small CLIP, as older transformers write."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    folder.mkdir(parents=True, exist_ok=True)
    letters = [*bytes_to_unicode().values()]
    merged = ["at", "at</w>", "th", "the</w>", "cat</w>", "do", "dog</w>"]
    words = [*letters, *(f"{letter}</w>" for letter in letters), *merged]
    words += ["<|startoftext|>", "<|endoftext|>"]
    merges = ["#version: 0.2", "a t", "a t</w>", "t h", "th e</w>", "c at</w>", "d o", "do g</w>"]
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
    (folder / "merges.txt").write_text("\n".join(merges))
    config = {"model_max_length": TOKENS, **config}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def clip_tokenizer(folder: Path, **config: Any) -> Any:
    """The tokenizer of such a folder."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer.from_pretrained(str(clip_files(folder, **config)))


def t5_tokenizer() -> Any:
    """A small tokenizer of T5."""
    from transformers import T5Tokenizer

    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0)]
    pieces = [(piece, -float(len(PIECES) - n)) for n, piece in enumerate(PIECES[::-1])]
    return T5Tokenizer(vocab=[*special, *pieces], extra_ids=0, model_max_length=77)


def clip(tokenizer: Any, projected: bool = False, **config: Any) -> Any:
    """An encoder of the tokens of CLIP."""
    import transformers

    name = "CLIPTextModelWithProjection" if projected else "CLIPTextModel"
    end = tokenizer.eos_token_id
    config = {**CLIP, "vocab_size": len(tokenizer), **config}
    made = transformers.CLIPTextConfig(
        **config, bos_token_id=end - 1, eos_token_id=end, pad_token_id=end
    )
    return drawn(getattr(transformers, name)(made))


def t5(tokenizer: Any) -> Any:
    """An encoder of the tokens of T5."""
    from transformers import T5Config, T5EncoderModel

    return drawn(T5EncoderModel(T5Config(**T5, vocab_size=len(tokenizer))))


def vae() -> Any:
    """An autoencoder of latents of four channels."""
    from diffusers import AutoencoderKL

    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 2}
    blocks |= {"up_block_types": ["UpDecoderBlock2D"] * 2}
    return drawn(
        AutoencoderKL(
            **blocks, block_out_channels=[8, 8], latent_channels=4, norm_num_groups=4,
            layers_per_block=1, sample_size=16,
        )
    )  # fmt: skip


def drawn(network: Any) -> Any:
    """The network with every weight drawn."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def ddim(**config: Any) -> Any:
    """The steps of Stable Diffusion, to the last."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_schedule="scaled_linear",
        clip_sample=False,
        timestep_spacing="trailing",
        steps_offset=1,
        **config,
    )


def stable(folder: Path) -> Any:
    """A pipeline like Stable Diffusion; what it needs beside its result is left in the folder."""
    from diffusers import StableDiffusionPipeline

    tokenizer = clip_tokenizer(folder)
    return cast(Any, StableDiffusionPipeline)(
        vae=vae(),
        text_encoder=clip(tokenizer),
        tokenizer=tokenizer,
        unet=peer("conditioned"),
        scheduler=ddim(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def pixart(folder: Path) -> Any:
    """A pipeline like PixArt."""
    from diffusers import PixArtAlphaPipeline

    tokenizer = t5_tokenizer()
    return cast(Any, PixArtAlphaPipeline)(
        tokenizer=tokenizer,
        text_encoder=t5(tokenizer),
        vae=vae(),
        transformer=peer("pixart"),
        scheduler=ddim(),
    )


def large(folder: Path) -> Any:
    """A pipeline like SDXL, whose second tokenizer fills up with another token."""
    from diffusers import StableDiffusionXLPipeline

    one, two = (
        clip_tokenizer(folder / "one"),
        clip_tokenizer(folder / "two", pad_token="!"),
    )
    narrow = {"hidden_size": 6, "num_attention_heads": 2}
    return cast(Any, StableDiffusionXLPipeline)(
        vae=vae(),
        text_encoder=clip(one, **narrow),
        text_encoder_2=clip(two, True, **narrow | {"projection_dim": 10}),
        tokenizer=one,
        tokenizer_2=two,
        unet=peer("large"),
        scheduler=ddim(),
        add_watermarker=False,
    )


def third(folder: Path, whole: bool = True) -> Any:
    """A pipeline like SD3, perhaps without T5."""
    from diffusers import FlowMatchEulerDiscreteScheduler, StableDiffusion3Pipeline

    one = clip_tokenizer(folder, model_max_length=77)
    narrow, tokenizer = {"hidden_size": 4, "num_attention_heads": 2}, t5_tokenizer()
    return cast(Any, StableDiffusion3Pipeline)(
        transformer=peer("sd3"),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae(),
        text_encoder=clip(one, True, **narrow),
        tokenizer=one,
        text_encoder_2=clip(one, True, **narrow),
        tokenizer_2=one,
        text_encoder_3=t5(tokenizer) if whole else None,
        tokenizer_3=tokenizer if whole else None,
    )


def flux(folder: Path) -> Any:
    """A pipeline like FLUX."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline

    one, two = clip_tokenizer(folder, model_max_length=77), t5_tokenizer()
    return cast(Any, FluxPipeline)(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae(),
        text_encoder=clip(one, hidden_size=10),
        tokenizer=one,
        text_encoder_2=t5(two),
        tokenizer_2=two,
        transformer=peer("flux"),
    )
