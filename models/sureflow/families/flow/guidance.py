"""Classifier-free guidance, per lane."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

from sureflow.core.arrays import Integers
from sureflow.core.path import broadcast
from sureflow.core.process import Reply
from sureflow.core.transfer import to_device


def apply_guidance(
    reply: Reply, scale: npt.NDArray[np.float32], doubled: Integers
) -> tuple[Tensor, Tensor]:
    """Combine conditional and unconditional replies into one velocity and variance per lane.

    ``v = v_null + g (v_label - v_null)``, and, taking the noise of the two branches as
    independent, ``Sigma = g^2 Sigma_label + (1 - g)^2 Sigma_null``. The variance of a guided
    velocity therefore grows with ``g``; it is compared only with that of the same scale.

    Args:
        reply: Reply for the rows of all ``n`` lanes, followed by the unconditional rows of the
            ``doubled`` ones.
        scale: Guidance scale ``g`` per lane, ``[n]``.
        doubled: Positions of the lanes with an unconditional row, ascending. They include all
            lanes with a scale other than 1.

    Returns:
        Velocity and variance, each ``[n, *shape]``.
    """
    lanes, velocities, variances = len(scale), reply["velocity"], reply["variance"]
    if not len(doubled):
        return velocities, variances
    velocity, variance = velocities[:lanes], variances[:lanes]
    second = (scale[doubled] != 1).nonzero()[0]
    if not len(second):
        return velocity, variance
    where = to_device(doubled[second], velocity.device)
    null = to_device(lanes + second, velocity.device)
    null_velocity, null_variance = velocities[null], variances[null]
    g = broadcast(to_device(scale[doubled[second]], velocity.device), velocity)
    velocity, variance = velocity.clone(), variance.clone()
    velocity[where] = null_velocity + g * (velocity[where] - null_velocity)
    variance[where] = g.square() * variance[where] + (1 - g).square() * null_variance
    return velocity, variance
