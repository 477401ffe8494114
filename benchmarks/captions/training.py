"""Training of the velocity of the latents, together with the encoder of the captions."""

from __future__ import annotations

import math
import time
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.captions.autoencoder import LATENT
from benchmarks.captions.captions import (
    OPPOSITES,
    TOKENS,
    WORDS,
    Images,
    Numbers,
    caption,
    captions,
)
from sureflow.core.vocabulary import Vocabulary
from sureflow.networks import Staged

WIDTH = 64
BATCH, RATE, WARM_UP, EMA, CLIP = 64, 1.5e-3, 200, 0.998, 1.0
DROPPED = 0.1
"""Share of the captions that are left out."""

EXAMPLES = tuple(
    caption([word for word in words if word], digit)
    for digit in range(10)
    for words in product(*(("", *pair) for pair in OPPOSITES.values()))
)
"""All captions that there are."""

VOCABULARY = Vocabulary("word", WORDS)

NETWORK: dict[str, Any] = {
    "kind": "staged",
    "denoiser": {
        "kind": "unet",
        "shape": [*LATENT],
        "channels": [64],
        "blocks": 2,
        "patch": 1,
        "embedding": 192,
        "noise": ["head"],
        "conditions": {
            "text": {"kind": "text", "shape": [TOKENS, WIDTH], "says": "a digit, in words"}
        },
    },
    "decoder": {"base": "image_decoder", "arguments": {"latent": LATENT[0]}, "shape": [1, 28, 28]},
    "sample_encoder": {"base": "image_encoder", "arguments": {"latent": LATENT[0]}},
    "encoder": {
        "base": "token_transformer",
        "arguments": {"size": VOCABULARY.size, "tokens": TOKENS, "width": WIDTH},
        "tokens": TOKENS,
        "vocabulary": {"level": "word", "words": [*WORDS]},
        "null": [],
        "examples": [*EXAMPLES],
    },
}
"""As in the checkpoint's config."""


class Captioned:
    """Latents with captions, which are written anew for every batch.

    Args:
        latents: ``[n, 4, 7, 7]``.
        images: The images themselves, of which captions tell.
        labels: Their classes.
        bounds: See :func:`~benchmarks.captions.captions.thirds`.
        seed: Seed of the batches.
    """

    def __init__(
        self,
        latents: Tensor,
        images: Images,
        labels: np.ndarray,
        bounds: dict[str, Numbers],
        seed: int,
    ) -> None:
        self._latents, self._images, self._labels, self._bounds = latents, images, labels, bounds
        self._random = np.random.default_rng(seed)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Latents, and the tokens of their captions, some of which are left out."""
        rows = self._random.integers(len(self._images), size=count)
        written = captions(self._images[rows], self._labels[rows], self._bounds, self._random)
        dropped = self._random.random(count) < DROPPED
        texts = ["" if out else text for text, out in zip(written, dropped, strict=True)]
        tokens = np.stack([VOCABULARY.tokens(text, TOKENS) for text in texts])
        return self._latents[rows], torch.from_numpy(tokens)


def train(network: Staged, source: Captioned, steps: int, seed: int) -> float:
    """Train denoiser and encoder in place, and average their weights; returns the seconds.

    The velocity learns by squared error, its variance by the likelihood of the residual; neither
    gradient reaches the other.
    """
    assert network.encoder is not None
    torch.manual_seed(seed)
    encoder, noise = network.encoder.module.requires_grad_(True), network.noise_parameters()
    shared = [*network.velocity_parameters(), *encoder.parameters()]
    parameters = [*shared, *noise]
    average = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.AdamW(parameters, RATE, betas=(0.9, 0.99), weight_decay=0.01)
    begun = time.monotonic()
    for step in tqdm(range(steps), "velocity"):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM_UP, _cosine(step / steps))
        x1, tokens = source.draw(BATCH)
        x0, t = torch.randn_like(x1), torch.rand(len(x1))
        along = t[:, None, None, None]
        out = network.moments((1 - along) * x0 + along * x1, t, text=encoder(tokens))
        assert out.variance is not None
        residual = (x1 - x0 - out.mean).square()
        loss = residual.mean()
        nll = 0.5 * (residual.detach() / out.variance + out.variance.log()).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss, inputs=shared, retain_graph=True)
        torch.autograd.backward(nll, inputs=noise)
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        decay = min(EMA, (1 + step) / (10 + step))
        torch._foreach_lerp_(average, [p.detach() for p in parameters], 1 - decay)
    with torch.no_grad():
        for parameter, averaged in zip(parameters, average, strict=True):
            parameter.copy_(averaged)
    network.eval().requires_grad_(False)
    return time.monotonic() - begun


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))
