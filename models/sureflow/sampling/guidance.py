"""Classifier-free guidance, per lane."""

from __future__ import annotations

from torch import Tensor

from sureflow.moments import Moments
from sureflow.paths import broadcast


def guided(scale: Tensor) -> Tensor:
    """Positions of the lanes that need a second, unconditional row."""
    return (scale != 1).nonzero().squeeze(1)


def guide(replies: Moments, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Combine conditional and unconditional replies into one velocity and variance per lane.

    ``v = v_null + g (v_label - v_null)``, and, taking the noise of the two branches as
    independent, ``Sigma = g^2 Sigma_label + (1 - g)^2 Sigma_null``. The variance of a guided
    velocity therefore grows with ``g``; it is compared only with that of the same scale.

    Args:
        replies: Rows of all ``n`` lanes, then the unconditional rows of the guided ones in order.
        scale: Guidance scale ``g`` per lane, ``[n]``, in host memory.

    Returns:
        Velocity and variance, each ``[n, *shape]``.
    """
    assert replies.variance is not None
    lanes = len(scale)
    velocity, variance = replies.mean[:lanes], replies.variance[:lanes]
    where = guided(scale)
    if not len(where):
        return velocity, variance
    null_velocity, null_variance = replies.mean[lanes:], replies.variance[lanes:]
    g = broadcast(scale[where].to(velocity.device), velocity)
    velocity, variance = velocity.clone(), variance.clone()
    velocity[where] = null_velocity + g * (velocity[where] - null_velocity)
    variance[where] = g.square() * variance[where] + (1 - g).square() * null_variance
    return velocity, variance
