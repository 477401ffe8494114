"""Encoders of samples of the package diffusers, by the names of their classes."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from sureflow.networks.foreign.diffusers import class_of, make
from sureflow.networks.foreign.diffusers_adapters import Adapter
from sureflow.networks.foreign.diffusers_decoder import DECODERS, DECODING, HalfAutoencoder


class LatentEncoder(HalfAutoencoder):
    """An autoencoder that is called to encode."""

    unused = DECODING

    def forward(self, x: Tensor) -> Tensor:
        """Latents ``[B, C, h, w]`` of images: of a posterior its mean, which is its mode."""
        (made,) = self.encode(x, return_dict=False)  # type: ignore[operator]
        latent: Tensor = made if isinstance(made, Tensor) else made.mode()
        return latent


ENCODERS: Mapping[str, type[Adapter]] = dict.fromkeys(DECODERS, LatentEncoder)
"""The classes that there are; no other is taken."""


def diffusers_encoder(name: str, config: Mapping[str, object]) -> nn.Module:
    """Build the encoder of an autoencoder of diffusers, with weights drawn at random.

    It is the counterpart of
    :func:`~sureflow.networks.foreign.diffusers_decoder.diffusers_decoder`.

    Args:
        name: The class, one of :data:`ENCODERS`.
        config: Arguments of the class, as in its ``config.json``; fields that begin with ``_`` are
            left out.

    Raises:
        ValueError: See :func:`~sureflow.networks.foreign.diffusers.diffusers`.
    """
    return make(class_of(name, ENCODERS), name, config)
