"""The conversions of a foreign network at times that were asked for lately."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sureflow.core.path import broadcast

MOST, ROWS = 1024, 64
"""Most conversions that are kept, and most rows of one: a grid of so many steps is kept as a whole,
and points of a training step are not."""


class Affine(NamedTuple):
    """``v = A y + B F(c y, tau)``, one entry per row: the velocity of a flow from the network F.

    Attributes:
        state: ``A``.
        output: ``B``.
        input: ``c``.
        time: ``tau``, the time that the network is told; an integer if it is a whole one.
    """

    state: Tensor
    output: Tensor
    input: Tensor
    time: Tensor

    def velocity(self, y: Tensor, said: Tensor) -> Tensor:
        """The velocity ``[n, *shape]`` of states ``y`` at which the network said this."""
        state, output = (broadcast(z.to(y), y) for z in (self.state, self.output))
        return state * y + output * said

    def shaped(self, y: Tensor) -> Affine:
        """The same with factors that multiply samples ``y [n, *shape]`` as they are."""
        state, output, scale = (broadcast(z.to(y), y) for z in self[:3])
        return Affine(state, output, scale, self.time)

    def said(self, y: Tensor, velocity: Tensor) -> Tensor:
        """What a network says where the velocity is this; the inverse of :meth:`velocity`."""
        state, output = (broadcast(z.to(y), y) for z in (self.state, self.output))
        return (velocity - state * y) / output


class Conversions:
    """Works a conversion out, or returns the one that it has kept for the very same times.

    Lanes on a fixed grid come to the same times again and again, and a small network takes less
    time than its conversion. On a GPU nothing is kept: to look at the times there would be to wait.

    Args:
        convert: The conversion at times ``[n]``.
    """

    def __init__(self, convert: Callable[[Tensor], Affine]) -> None:
        self._convert = convert
        self._kept: dict[tuple[object, ...], Affine] = {}

    def __call__(self, times: Tensor, like: Tensor | None = None) -> Affine:
        """The conversion at times ``[n]``; what the network is told is a copy of its own.

        Given samples ``like [n, *shape]``, its factors are :meth:`~Affine.shaped` to multiply them.
        """
        if not _readable(times):
            found = self._convert(times)
            return found if like is None else found.shaped(like)
        form = () if like is None else (like.dtype, like.device, like.dim())
        key = times.dtype, times.numpy().tobytes(), *form
        known = self._kept.get(key)
        if known is None:
            # Tensors of inference mode could not be differentiated through later.
            with torch.inference_mode(False), torch.no_grad():
                known = self._convert(times)
                known = known if like is None else known.shaped(like)
            if len(self._kept) >= MOST:
                self._kept.clear()
            self._kept[key] = known
        state, output, scale, time = known
        return Affine(state, output, scale, time.clone())


def _readable(times: Tensor) -> bool:
    """Whether times are a few plain numbers in host memory."""
    plain = type(times) is Tensor and not times.requires_grad and not torch.compiler.is_compiling()
    return plain and times.device.type == "cpu" and times.dim() == 1 and len(times) <= ROWS
