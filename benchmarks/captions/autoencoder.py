"""The autoencoder of the images."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from sureflow.networks.image_decoder import ImageDecoder
from sureflow.networks.image_encoder import ImageEncoder

LATENT = (4, 7, 7)
SMOOTH = 0.1
"""Noise on the normalised latents while the decoder learns, so that near latents decode alike."""

BATCH, RATE = 32, 2e-3


def train(images: Tensor, steps: int, seed: int) -> tuple[ImageEncoder, ImageDecoder, float]:
    """Train both; returns them and the seconds that it took."""
    torch.manual_seed(seed)
    encoder, decoder = ImageEncoder(LATENT[0]), ImageDecoder(LATENT[0])
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, RATE)
    begun = time.monotonic()
    for step in tqdm(range(steps), "autoencoder"):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(
                1, (step + 1) / 100, 0.02 + (1 + math.cos(math.pi * step / steps)) / 2
            )
        rows = images[torch.randint(len(images), (BATCH,))]
        latents = encoder(rows)
        loss = F.mse_loss(decoder(latents + SMOOTH * torch.randn_like(latents)), rows)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return encoder.eval(), decoder.eval(), time.monotonic() - begun
