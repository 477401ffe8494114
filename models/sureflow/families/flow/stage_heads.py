"""The heads of models of several stages: the encoder of texts, and the decoder of latents."""

from __future__ import annotations

import torch
from torch import Tensor

from sureflow.core.draw import Purpose, normal
from sureflow.core.engine import Head
from sureflow.core.process import Reply
from sureflow.networks import Decoder, TextEncoder

ROW_COUNTS = (1, 2, 4, 8)
"""Block sizes to try: a decoder takes much memory a row, and a lane asks for a row once."""


def decoder(stage: Decoder, shape: tuple[int, ...]) -> Head:
    """Head that answers the sample, ``data``, for a ``latent [n, *shape]``."""
    device = next(stage.parameters(), torch.zeros(0)).device

    def decoded(latent: Tensor) -> Reply:
        return {"data": stage(latent)}

    def rows(count: int) -> dict[str, Tensor]:
        drawn = [normal(shape, 0, row, Purpose.START) for row in range(count)]
        return {"latent": torch.stack(drawn).to(device)}

    return Head(decoded, rows, ROW_COUNTS)


def encoder(stage: TextEncoder) -> Head:
    """Head that answers the condition, ``embedding``, for ``tokens [n, tokens]``."""
    device = next(stage.parameters(), torch.zeros(0)).device
    length, size = stage.prompt.tokens, stage.prompt.size

    def embedded(tokens: Tensor) -> Reply:
        return {"embedding": stage(tokens)}

    def rows(count: int) -> dict[str, Tensor]:
        numbers = torch.arange(count * length).reshape(count, length)
        # No two rows alike: a row begins with its own number, as far as there are so many.
        return {"tokens": ((numbers * 7919 + numbers // length) % size).to(device)}

    return Head(embedded, rows, ROW_COUNTS)
