"""A pipeline as Stable Diffusion: a prompt, CLIP, a U-Net of latents, and their decoder."""

from __future__ import annotations

import json
import string
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from benchmarks.foreign.latents import Latents
from benchmarks.foreign.unet import STEPS

TOKENS, WIDTH, SCALE = 10, 32, 3.0
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PROMPTS = (*(f"a {word}" for word in WORDS), "")
"""By digit; the last stands for none."""

START, END = "<|startoftext|>", "<|endoftext|>"


@cache
def tokenizer() -> Any:
    """The tokenizer of CLIP for letters alone."""
    from transformers import CLIPTokenizer

    letters = string.ascii_lowercase
    words = [*letters, *(f"{letter}</w>" for letter in letters), START, END]
    with TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
        (folder / "merges.txt").write_text("#version: 0.2\n")
        return CLIPTokenizer.from_pretrained(made, model_max_length=TOKENS)


def tokens(prompts: list[str]) -> Tensor:
    """Tokens of prompts, filled up."""
    read = tokenizer()(prompts, padding="max_length", max_length=TOKENS, return_tensors="pt")
    return cast(Tensor, read.input_ids)


class Reader(nn.Module):
    """A U-Net behind the encoder of its prompts."""

    def __init__(self, unet: nn.Module, encoder: nn.Module) -> None:
        super().__init__()
        self.unet, self.encoder = unet, encoder
        self.register_buffer("prompts", tokens([*PROMPTS]))

    def forward(self, x: Tensor, step: Tensor, label: Tensor) -> Any:
        """What the network says to latents of these digits; label 10 is none."""
        prompts = cast(Tensor, self.prompts)[label.expand(len(x))]
        text = self.encoder(prompts).last_hidden_state
        return self.unet(x, step, encoder_hidden_states=text)


class Prompted(Latents):
    """A pipeline from a prompt to an image, all of which is imported."""

    name, title, prediction = "prompted", "StableDiffusionPipeline, prompt", "epsilon"
    modules = ("diffusers", "transformers")
    classes = 0
    command = "sureflow import ./model --name prompted --data digits.safetensors"
    iterations = 1200
    solver = (("method", "euler"), ("steps", STEPS), ("guidance", SCALE))

    def make(self) -> nn.Module:
        """All networks in one module."""
        from diffusers import UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        made, size = cast(Any, super().make()), len(tokenizer())
        config = self.config()
        del config["num_class_embeds"]
        config |= {
            "attention_head_dim": 2,
            "cross_attention_dim": WIDTH,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        }
        text = CLIPTextConfig(
            vocab_size=size, hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=TOKENS, bos_token_id=size - 2,
            eos_token_id=size - 1, pad_token_id=size - 1,
        )  # fmt: skip
        made["unet"] = Reader(cast(Any, UNet2DConditionModel)(**config), CLIPTextModel(text))
        return cast(nn.Module, made)

    def scheduler(self) -> Any:
        """That of Stable Diffusion, to the last step."""
        from diffusers import DDIMScheduler

        return DDIMScheduler(
            beta_schedule=self.betas,
            beta_start=0.00085,
            beta_end=0.012,
            prediction_type=self.prediction,
            timestep_spacing="trailing",
            clip_sample=False,
            steps_offset=1,
        )

    def called(self, network: nn.Module, x: Tensor, step: Tensor, label: Tensor) -> Tensor:
        """What the network says."""
        return cast(Tensor, network(x, step, label).sample)

    def pipeline(self, network: nn.Module) -> Any:
        """The pipeline of diffusers."""
        from diffusers import StableDiffusionPipeline

        parts = cast(Any, network)
        parts["vae"].register_to_config(scaling_factor=float(parts.size))
        made = cast(Any, StableDiffusionPipeline)(
            vae=parts["vae"],
            text_encoder=parts["unet"].encoder,
            tokenizer=tokenizer(),
            unet=parts["unet"].unet,
            scheduler=self.scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        made.set_progress_bar_config(disable=True)
        return made

    def save(self, network: nn.Module, folder: Path) -> None:
        """Write the pipeline."""
        self.pipeline(network).save_pretrained(folder / "model")

    def sample(self, network: nn.Module, noise: Tensor, label: Tensor) -> Tensor:
        """Images, before they are rounded and cut off at black and white."""
        prompts, parts = [PROMPTS[number] for number in label.tolist()], cast(Any, network)
        latents = self.pipeline(network)(
            prompts, guidance_scale=SCALE, num_inference_steps=STEPS, latents=noise,
            output_type="latent",
        ).images  # fmt: skip
        return cast(Tensor, parts["vae"].decode(latents / parts.size).sample)

    def conditions(self, label: int) -> dict[str, np.ndarray[Any, Any]]:
        """The tokens of the digit's prompt."""
        return {"text": tokens([PROMPTS[label]])[0].numpy()}
