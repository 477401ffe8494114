"""The output of a velocity network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sureflow.moments import Moments


@dataclass(frozen=True, slots=True)
class NetworkOutput(Moments):
    """Velocity and variance of ``B`` rows, with the activations for a probe or its reading.

    Attributes:
        hidden: Activations that a probe can read, ``[B, C, ...]`` for an image, ``[B, tokens, C]``,
            or ``[B, C]``. Only :meth:`VelocityNetwork.run` returns them.
        reading: Reading of the probe, ``[B]``; ``None`` without a probe.
    """

    hidden: Tensor | None = None
    reading: Tensor | None = None

    @property
    def parts(self) -> tuple[Tensor | None, ...]:
        """All tensors of the output; each has ``B`` rows."""
        return self.mean, self.variance, self.hidden, self.reading

    def map(self, operation: Callable[[Tensor], Tensor]) -> NetworkOutput:
        """Apply an operation that only moves rows to every tensor."""
        _, *others = (None if z is None else operation(z) for z in self.parts)
        return NetworkOutput(operation(self.mean), *others)

    def rows(self, chosen: slice) -> NetworkOutput:
        """Some of the rows."""
        return self.map(lambda z: z[chosen])

    @classmethod
    def join(cls, replies: list[NetworkOutput]) -> NetworkOutput:
        """The rows of several replies of one network, in order."""
        mean, *others = (_joined(parts) for parts in zip(*(r.parts for r in replies), strict=True))
        assert mean is not None
        return cls(mean, *others)


def _joined(parts: tuple[Tensor | None, ...]) -> Tensor | None:
    tensors = [part for part in parts if part is not None]
    return torch.cat(tensors) if tensors else None
