"""What stands between classes of diffusers and a call with arrays of one row per sample.

An adapter is mixed into a class of diffusers and changes nothing but its ``forward``. So the names
of its weights are those of diffusers, and its answers have the bits of diffusers' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

PATCH = 2
"""Width of the squares of a latent that FLUX takes as one token."""


class Adapter(nn.Module):
    """The base of adapters: the class as it is.

    Attributes:
        constants: How many numbers there are in each argument that is the same for all samples.
    """

    constants: ClassVar[Mapping[str, int]] = {}

    def adapt(self, given: Mapping[str, object]) -> None:
        """Take the constants.

        Raises:
            ValueError: The constants are not those of this class; the message begins with
                ``constants``.
        """
        if unknown := sorted(given.keys() - self.constants.keys()):
            known = ", ".join(self.constants) or "none"
            raise ValueError(f"constants: there is no {unknown[0]!r}; there are: {known}")
        for name, value in given.items():
            numbers = _numbers(f"constants.{name}", value, self.constants[name])
            self.register_buffer(f"constant_{name}", numbers, persistent=False)

    def constant(self, name: str, like: Tensor) -> Tensor | None:
        """A constant for every row of ``like``, ``[B, n]``; ``None`` if it was not given."""
        held = getattr(self, f"constant_{name}", None)
        return None if held is None else held.expand(len(like), -1)


class ConditionedUNet(Adapter):
    """``UNet2DConditionModel``: with the additional embeddings of SDXL by name."""

    constants: ClassVar[Mapping[str, int]] = {"time_ids": 6}

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        text_embeds: Tensor | None = None,
        **given: Tensor,
    ) -> Any:
        """As that of the class; ``text_embeds [B, D]`` is the pooled text."""
        if text_embeds is not None:
            added = {"text_embeds": text_embeds, "time_ids": self.constant("time_ids", sample)}
            given["added_cond_kwargs"] = added  # type: ignore[assignment]
        return super().forward(sample, timestep, encoder_hidden_states, **given)


class PixArt(Adapter):
    """``PixArtTransformer2DModel``: with the size of the image as a constant."""

    constants: ClassVar[Mapping[str, int]] = {"resolution": 2, "aspect_ratio": 1}

    def forward(self, hidden_states: Tensor, timestep: Tensor, **given: Tensor) -> Any:
        """As that of the class."""
        size = {name: self.constant(name, hidden_states) for name in self.constants}
        return super().forward(hidden_states, timestep=timestep, added_cond_kwargs=size, **given)


class Flux(Adapter):
    """``FluxTransformer2DModel``: on latents ``[B, C, H, W]`` instead of tokens."""

    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        guidance: Tensor | None = None,
        **given: Tensor,
    ) -> Any:
        """As that of the class; ``guidance`` is ``[B, 1]``, the places of tokens are added."""
        height, width = (size // PATCH for size in hidden_states.shape[-2:])
        places = torch.zeros(height, width, 3, device=hidden_states.device)
        places[..., 1] = torch.arange(height, device=places.device)[:, None]
        places[..., 2] = torch.arange(width, device=places.device)
        out = super().forward(
            packed(hidden_states),
            encoder_hidden_states,
            timestep=timestep,
            img_ids=places.flatten(0, 1),
            txt_ids=places.new_zeros(encoder_hidden_states.shape[1], 3),
            guidance=None if guidance is None else guidance.flatten(),
            **given,
        )
        return type(out)(sample=unpacked(out.sample, height, width))


ADAPTERS: Mapping[str, type[Adapter]] = {
    "DiTTransformer2DModel": Adapter,
    "FluxTransformer2DModel": Flux,
    "PixArtTransformer2DModel": PixArt,
    "SD3Transformer2DModel": Adapter,
    "UNet2DConditionModel": ConditionedUNet,
    "UNet2DModel": Adapter,
}
"""The adapters, by the classes that there are; no other class is taken from diffusers."""


def packed(x: Tensor) -> Tensor:
    """The squares of a latent ``[B, C, H, W]`` as tokens ``[B, H W / 4, 4 C]``."""
    rows, channels, height, width = x.shape
    squares = x.reshape(rows, channels, height // PATCH, PATCH, width // PATCH, PATCH)
    return squares.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """The latent of tokens that are ``height`` times ``width`` squares; undoes ``packed``."""
    squares = tokens.reshape(len(tokens), height, width, -1, PATCH, PATCH)
    return squares.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


def _numbers(where: str, value: object, count: int) -> Tensor:
    numbers = value if isinstance(value, list | tuple) else [value]
    if len(numbers) != count or not all(type(z) in (int, float) for z in numbers):
        raise ValueError(f"{where}: expected {count} numbers")
    return torch.tensor([numbers], dtype=torch.float32)
