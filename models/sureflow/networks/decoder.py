"""The decoder of a latent model."""

from __future__ import annotations

from torch import Tensor

from sureflow.networks.latent_stage import LatentStage


class Decoder(LatentStage):
    """Maps latents to samples; its ``shape`` is that of a sample, its input ``latent``.

    See :class:`~sureflow.networks.latent_stage.LatentStage` for its arguments.
    """

    input = "latent"

    def shape_of(self, latent: tuple[int, ...], first: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the sample of a latent of some shape; ``first`` is that of ``shape``.

        Raises:
            ValueError: It has no height and width, or they are no multiples.
        """
        if latent == first:
            return self.shape
        sizes = [size * whole for size, whole in zip(latent[1:], self.shape[1:], strict=False)]
        if not len(latent) == len(first) == len(self.shape) == 3 or any(
            size % part for size, part in zip(sizes, first[1:], strict=True)
        ):
            raise ValueError(
                f"shape: is {[*self.shape]} for latents {[*first]}; for {[*latent]} it is unknown"
            )
        height, width = (size // part for size, part in zip(sizes, first[1:], strict=True))
        return self.shape[0], height, width

    def forward(self, latent: Tensor) -> Tensor:
        """The samples ``[n, *shape]`` of latents ``[n, ...]``, in data units."""
        return self.answer(latent / self.scale + self.shift)
