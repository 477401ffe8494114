"""What pipelines of diffusers make of a text, by one encoder of transformers or several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sureflow.networks.foreign.text_model import text_model

MOST_ENCODERS, MOST_TOKENS = 3, 4096
TEXT, MASK, POOLED = "text", "mask", "pooled"
"""Names of what they return: the embedding of each token, which of these count, and one for all."""


class TextModels(nn.Module, ABC):
    """Text encoders whose answers are combined.

    Args:
        models: The encoders; they give ``[B, tokens, width]``.
        tokens: How many of the tokens each of them takes.
        zeros: Number and width of tokens that stand for an encoder that was left out.
    """

    def __init__(
        self, models: Sequence[nn.Module], tokens: Sequence[int], zeros: tuple[int, int] | None
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(models)
        self.tokens, self.zeros = [*tokens], zeros

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        """Encode texts, int64 ``[B, tokens]``, the tokens of all encoders behind each other."""
        return self.combined(torch.split(tokens, self.tokens, 1))

    @abstractmethod
    def combined(self, tokens: Sequence[Tensor]) -> dict[str, Tensor]:
        """What is made of the tokens of each encoder."""


class LastLayer(TextModels):
    """As Stable Diffusion: the last layer of CLIP, of all tokens, with those that fill up."""

    def combined(self, tokens: Sequence[Tensor]) -> dict[str, Tensor]:
        """The embedding of each token."""
        return {TEXT: self.encoders[0](tokens[0]).last_hidden_state}


class Masked(TextModels):
    """As PixArt: the last layer of T5, whose tokens do not attend to those that fill up."""

    def combined(self, tokens: Sequence[Tensor]) -> dict[str, Tensor]:
        """The embedding of each token, and which of them do not fill up."""
        model: Any = self.encoders[0]
        # Up to the last that does not fill up, since a prompt may have that token in it.
        filled = tokens[0].ne(model.config.pad_token_id)
        mask = filled.long().flip(1).cummax(1).values.flip(1)
        out = model(tokens[0], attention_mask=mask)
        return {TEXT: out.last_hidden_state, MASK: mask.to(out.last_hidden_state)}


class TwoClips(TextModels):
    """As SDXL: the last but one layer of two CLIPs, and the pooled embedding of the second."""

    def combined(self, tokens: Sequence[Tensor]) -> dict[str, Tensor]:
        """The embeddings of each token beside each other, and the pooled one."""
        found = [_deep(model, z) for model, z in zip(self.encoders, tokens, strict=True)]
        text = torch.cat([out.hidden_states[-2] for out in found], -1)
        return {TEXT: text, POOLED: found[1].text_embeds}


class TwoClipsAndT5(TextModels):
    """As SD3: the tokens of two CLIPs, widened by zeros, then those of T5 or zeros."""

    def combined(self, tokens: Sequence[Tensor]) -> dict[str, Tensor]:
        """The embeddings of all tokens behind each other, and the pooled ones of both CLIPs."""
        clips = [_deep(model, z) for model, z in zip(self.encoders, tokens[:2], strict=False)]
        text = torch.cat([out.hidden_states[-2] for out in clips], -1)
        if self.zeros is None:
            last = self.encoders[2](tokens[2]).last_hidden_state
        else:
            last = text.new_zeros(len(text), *self.zeros)
        wide = F.pad(text, (0, last.shape[-1] - text.shape[-1]))
        pooled = torch.cat([out.text_embeds for out in clips], -1)
        return {TEXT: torch.cat([wide, last], -2), POOLED: pooled}


class PooledClipAndT5(TextModels):
    """As FLUX: the tokens of T5, and the pooled embedding of CLIP."""

    def combined(self, tokens: Sequence[Tensor]) -> dict[str, Tensor]:
        """The embedding of each token of T5, and the pooled one."""
        pooled = self.encoders[0](tokens[0]).pooler_output
        return {TEXT: self.encoders[1](tokens[1]).last_hidden_state, POOLED: pooled}


KINDS: Mapping[str, type[TextModels]] = {
    "last_layer": LastLayer,
    "masked": Masked,
    "two_clips": TwoClips,
    "two_clips_and_t5": TwoClipsAndT5,
    "pooled_clip_and_t5": PooledClipAndT5,
}
COUNTS = {"two_clips": (2,), "two_clips_and_t5": (2, 3), "pooled_clip_and_t5": (2,)}
"""How many encoders there may be, where it is not one."""


def transformers_encoder(
    kind: str, encoders: Sequence[Mapping[str, Any]], zeros: Sequence[int] | None = None
) -> nn.Module:
    """Build text encoders, with weights drawn at random.

    Args:
        kind: How their answers are combined, one of :data:`KINDS`.
        encoders: Of each, ``name`` and ``config`` of a
            :func:`~sureflow.networks.foreign.text_model.text_model`, and the number of its
            ``tokens``.
        zeros: Number and width of tokens in place of T5, where SD3 has none.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """
    if not (isinstance(kind, str) and kind in KINDS):
        raise ValueError(f"kind: {kind!r:.60} is unknown; choose from {', '.join(KINDS)}")
    counts = COUNTS.get(kind, (1,))
    if not (isinstance(encoders, Sequence) and len(encoders) in counts):
        raise ValueError(f"encoders: expected {' or '.join(map(str, counts))} for {kind}")
    left_out = kind == "two_clips_and_t5" and len(encoders) == 2
    if left_out != (zeros is not None):
        raise ValueError("zeros: belongs to two_clips_and_t5 without T5, and only there")
    models, tokens = [], []
    for number, each in enumerate(encoders):
        where = f"encoders.{number}"
        if not (isinstance(each, Mapping) and each.keys() == {"name", "config", "tokens"}):
            raise ValueError(f"{where}: expected name, config and tokens")
        _check_size(f"{where}.tokens", each["tokens"])
        tokens.append(each["tokens"])
        try:
            models.append(text_model(each["name"], each["config"]))
        except ValueError as error:
            raise ValueError(f"{where}.{error}") from error
    return KINDS[kind](models, tokens, _pair(zeros)).eval()


def _pair(zeros: Sequence[int] | None) -> tuple[int, int] | None:
    if zeros is None:
        return None
    if not (isinstance(zeros, Sequence) and len(zeros) == 2):
        raise ValueError("zeros: expected a number of tokens and their width")
    for size in zeros:
        _check_size("zeros", size)
    return zeros[0], zeros[1]


def _check_size(name: str, size: object) -> None:
    if not (type(size) is int and 1 <= size <= 4 * MOST_TOKENS):
        raise ValueError(f"{name}: {size!r:.40} is not a number in 1 .. {4 * MOST_TOKENS}")


def _deep(model: nn.Module, tokens: Tensor) -> Any:
    """What an encoder returns, with its inner layers."""
    return model(tokens, output_hidden_states=True)
