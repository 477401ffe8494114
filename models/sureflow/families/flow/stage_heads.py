"""The heads of models of several stages, each by the name of its stage."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sureflow.core.draw import Purpose, normal
from sureflow.core.engine import Head
from sureflow.core.process import Reply
from sureflow.families.flow.process import DECODER, ENCODER, PREVIEW, SAMPLE_ENCODER
from sureflow.networks import Decoder, SampleEncoder, Staged, TextEncoder

ROW_COUNTS = (1, 2, 4, 8)
"""Block sizes to try: a decoder takes much memory a row, and a lane asks for a row once."""


def heads(network: Staged, state: Sequence[int], sample: Sequence[int]) -> dict[str, Head]:
    """The heads of the stages that there are, for latents and samples of these shapes."""
    found = {}
    for name, stage in ((DECODER, network.decoder), (PREVIEW, network.preview)):
        if stage is not None:
            found[name] = decoder(stage, state)
    if network.encoder is not None:
        found[ENCODER] = encoder(network.encoder)
    if network.sample_encoder is not None:
        found[SAMPLE_ENCODER] = sample_encoder(network.sample_encoder, sample)
    return found


def decoder(stage: Decoder, shape: Sequence[int]) -> Head:
    """Head that answers the sample, ``data``, for a ``latent [n, *shape]``."""

    def decoded(latent: Tensor) -> Reply:
        return {"data": stage(latent)}

    return Head(decoded, lambda count: {"latent": _drawn(stage, shape, count)}, ROW_COUNTS)


def sample_encoder(stage: SampleEncoder, shape: Sequence[int]) -> Head:
    """Head that answers the ``latent`` for a ``sample [n, *shape]``."""

    def encoded(sample: Tensor) -> Reply:
        return {"latent": stage(sample)}

    return Head(encoded, lambda count: {"sample": _drawn(stage, shape, count)}, ROW_COUNTS)


def encoder(stage: TextEncoder) -> Head:
    """Head that answers the conditions by name, for ``tokens [n, tokens]``."""
    device = _device(stage)
    length, limits = stage.prompt.tokens, torch.from_numpy(stage.prompt.limits)

    def embedded(tokens: Tensor) -> Reply:
        return stage.forward(tokens)

    def rows(count: int) -> dict[str, Tensor]:
        numbers = torch.arange(count * length).reshape(count, length)
        # No two rows alike: a row begins with its own number, as far as there are so many.
        return {"tokens": ((numbers * 7919 + numbers // length) % limits).to(device)}

    return Head(embedded, rows, ROW_COUNTS)


def _drawn(stage: torch.nn.Module, shape: Sequence[int], count: int) -> Tensor:
    """Rows of noise of this shape."""
    rows = [normal(tuple(shape), 0, row, Purpose.START) for row in range(count)]
    return torch.stack(rows).to(_device(stage))


def _device(stage: torch.nn.Module) -> torch.device:
    return next(stage.parameters(), torch.zeros(0)).device
