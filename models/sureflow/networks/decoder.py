"""The decoder of a latent model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from sureflow.networks.stage import Stage


class Decoder(Stage):
    """Maps latents to samples.

    Args:
        module: The module, called with ``latent / scale + shift``.
        shape: Shape of a sample.
        scale: By which latents were multiplied after the shift was taken from them, as the
            ``scaling_factor`` of diffusers.
        shift: The ``shift_factor`` of diffusers.
        options: See :class:`~sureflow.networks.stage.Stage`; the input is ``latent``.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    input = "latent"

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


def check_scale(scale: float, shift: float) -> tuple[float, float]:
    """Check what latents were multiplied by after the shift was taken from them.

    Raises:
        ValueError: One is no finite number, or the scale is 0; the message begins with its name.
    """
    for name, value in (("scale", scale), ("shift", shift)):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and (value or name == "shift")):
            raise ValueError(f"{name}: {value!r:.40} is no finite number, or is 0")
    return float(scale), float(shift)
