"""The output of a velocity network."""

from __future__ import annotations

from dataclasses import dataclass

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
