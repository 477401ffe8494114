"""The encoder of samples of a latent model."""

from __future__ import annotations

from torch import Tensor

from sureflow.networks.latent_stage import LatentStage


class SampleEncoder(LatentStage):
    """Maps samples to latents; the inverse of the decoder as far as there is one.

    Its ``shape`` is that of a latent, its input ``sample``, and ``scale`` and ``shift`` are those
    of the decoder. The module of a variational autoencoder gives the mean of the posterior. See
    :class:`~sureflow.networks.latent_stage.LatentStage` for the arguments.
    """

    input = "sample"

    def forward(self, sample: Tensor) -> Tensor:
        """The latents ``[n, *shape]`` of samples ``[n, ...]``, which are in data units."""
        return (self.answer(sample) - self.shift) * self.scale
