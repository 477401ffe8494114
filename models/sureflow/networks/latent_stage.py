"""What decoders and encoders of samples share: the units of latents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from sureflow.networks.stage import Stage


class LatentStage(Stage):
    """A stage at whose module latents are ``latent / scale + shift``.

    Args:
        module: The module.
        shape: Shape of what it gives for one row.
        scale: By which latents were multiplied after the shift was taken from them, as the
            ``scaling_factor`` of diffusers.
        shift: The ``shift_factor`` of diffusers.
        options: See :class:`~sureflow.networks.stage.Stage`.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    def __init__(
        self,
        module: nn.Module,
        shape: Sequence[int],
        scale: float = 1.0,
        shift: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(module, shape, **options)
        for name, value in (("scale", scale), ("shift", shift)):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and math.isfinite(value) and (value or name == "shift")):
                raise ValueError(f"{name}: {value!r:.40} is no finite number, or is 0")
        self.scale, self.shift = float(scale), float(shift)
