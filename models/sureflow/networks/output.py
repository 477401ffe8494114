"""What a network replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sureflow.moments import Moments


@dataclass(frozen=True, slots=True)
class NetworkOutput(Moments):
    """Velocity and variance of ``B`` rows, and what else their evaluation showed.

    Attributes:
        hidden: Activations at the place where a probe looks, ``[B, C, ...]`` of an image,
            ``[B, tokens, C]``, or ``[B, C]``; out of :meth:`VelocityNetwork.run` alone.
        reading: What the probe reads off them, ``[B]``; None of a network without one.
    """

    hidden: Tensor | None = None
    reading: Tensor | None = None

    @property
    def parts(self) -> tuple[Tensor | None, ...]:
        """All of it, each with a row for each row."""
        return self.mean, self.variance, self.hidden, self.reading

    def map(self, operation: Callable[[Tensor], Tensor]) -> NetworkOutput:
        """The same operation on every tensor; one that moves rows alone."""
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
