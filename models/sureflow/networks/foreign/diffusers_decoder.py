"""Decoders of latents of the package diffusers, by the names of their classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from sureflow.networks.foreign.diffusers import class_of, make
from sureflow.networks.foreign.diffusers_adapters import Adapter

ENCODING, DECODING = ("encoder", "quant_conv"), ("decoder", "post_quant_conv")
"""Parts of an autoencoder that only encode, and that only decode."""


class HalfAutoencoder(Adapter):
    """An autoencoder without the parts that have no use; there are no constants."""

    unused: ClassVar[tuple[str, ...]]

    def adapt(self, given: Mapping[str, object]) -> None:
        """Leave these parts out."""
        super().adapt(given)
        for name in self.unused:
            if isinstance(getattr(self, name, None), nn.Module):
                delattr(self, name)


class LatentDecoder(HalfAutoencoder):
    """An autoencoder that is called to decode."""

    unused = ENCODING

    def forward(self, z: Tensor) -> Any:
        """Decode latents ``[B, C, h, w]``; the images are in ``sample``."""
        return self.decode(z)  # type: ignore[operator]


DECODERS: Mapping[str, type[Adapter]] = dict.fromkeys(
    ("AutoencoderDC", "AutoencoderKL", "AutoencoderTiny"), LatentDecoder
)
"""The classes that there are; no other is taken."""


def diffusers_decoder(name: str, config: Mapping[str, object]) -> nn.Module:
    """Build the decoder of an autoencoder of diffusers, with weights drawn at random.

    Its weights have the names that diffusers gives them; those that only encode are left out. Its
    latents are those of the class, so the stage's ``scale`` and ``shift`` are the
    ``scaling_factor`` and ``shift_factor`` of its config.

    Args:
        name: The class, one of :data:`DECODERS`.
        config: Arguments of the class, as in its ``config.json``; fields that begin with ``_`` are
            left out.

    Raises:
        ValueError: See :func:`~sureflow.networks.foreign.diffusers.diffusers`.
    """
    return make(class_of(name, DECODERS), name, config)
