"""What the network said at the stages of each lane's current step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from sureflow.core.arrays import Index, Slots
from sureflow.families.flow.tableau import STAGES

READ = ("reading", "foreseen", "ignorance")
"""Names of what is read of activations: by the probe, the foresight and the Laplace approximation
that a network has."""

PREVIOUS, EARLIER = 1, 2
"""Stages in which a multistep lane keeps the velocities of the previous step and the one before."""


class Stages:
    """Velocities, variances and numbers of every lane, by stage and slot.

    Args:
        capacity: Number of slots.
        shape: Shape of the states.
        device: Where velocities and variances are; numbers are in host memory.

    Attributes:
        path: Velocities and variances, ``[STAGES, 2, capacity, *shape]``; a multistep lane keeps
            those of its previous steps in places :data:`PREVIOUS` and :data:`EARLIER`.
        velocity: The velocities alone, ``[STAGES, capacity, *shape]``.
        variance: Likewise.
        t: Times of the stages, ``[STAGES, capacity]``.
        evidence: By name: these two; ``trace``, the variances summed over components,
            ``[STAGES, capacity]``; ``divergence``, estimated where a score needs it; ``reading``
            and ``ignorance``, 0 where nothing reads them.
        read: What is read of the activations, by name: :data:`READ`.
    """

    def __init__(self, capacity: int, shape: tuple[int, ...], device: torch.device) -> None:
        # One array, so that a step of both is one sum.
        self.path = torch.zeros(STAGES, 2, capacity, *shape, device=device)
        self.velocity, self.variance = self.path.unbind(1)
        self._numbers = np.zeros((3 + len(READ), STAGES, capacity))
        trace, self.t, divergence, *read = self._numbers
        self.read = dict(zip(READ, read, strict=True))
        self.evidence: dict[str, Any] = {
            "velocity": self.velocity,
            "variance": self.variance,
            "trace": trace,
            "divergence": divergence,
            "reading": self.read["reading"],
            "ignorance": self.read["ignorance"],
        }

    def copy(self, slots: Slots, where: Index, source: int, target: int) -> None:
        """Copy one stage of these lanes, ``where`` on the device, to another one."""
        self.path[target][:, where] = self.path[source][:, where]
        self._numbers[:, target, slots] = self._numbers[:, source, slots]
