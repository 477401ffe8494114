"""The encoder of samples of a latent model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from sureflow.networks.decoder import check_scale
from sureflow.networks.stage import Stage


class SampleEncoder(Stage):
    """Maps samples to latents; the inverse of the decoder as far as there is one.

    Args:
        module: The module, which gives ``latent / scale + shift``, the argument of the decoder's
            module. Of a variational autoencoder it gives the mean of the posterior.
        shape: Shape of a latent.
        scale: That of the decoder.
        shift: That of the decoder.
        options: See :class:`~sureflow.networks.stage.Stage`; the input is ``sample``.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    input = "sample"

    def __init__(
        self,
        module: nn.Module,
        shape: Sequence[int],
        scale: float = 1.0,
        shift: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(module, shape, **options)
        self.scale, self.shift = check_scale(scale, shift)

    def forward(self, sample: Tensor) -> Tensor:
        """The latents ``[n, *shape]`` of samples ``[n, ...]``, which are in data units."""
        return (self.answer(sample) - self.shift) * self.scale
