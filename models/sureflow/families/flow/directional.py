"""Directional derivatives of a velocity."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from sureflow.core.draw import Purpose, normal
from sureflow.core.unwatched import load_rules, unwatched
from sureflow.networks import VelocityNetwork

ROW_COUNTS = (2, 4, 8)
"""Block sizes to try. None is 1, because convolutions of a single image use a kernel without
forward mode. There are only three because a server verifies them for every model: these take 0.4 of
the time of seven sizes up to 16, and a row in a block of 8 costs 1.0 to 1.4 times as much as one in
a block of 16 (for the shipped image models)."""

STEPS = (0.03, 0.01, 0.1)
"""Steps of the finite differences: small enough for curvature, or large enough for rounding."""

Derivative = Callable[..., Tensor]
"""``J z``, or ``J^T z``, for a network, ``x``, ``z``, ``t``, ``label`` and conditions."""

AGREEMENT = {torch.float32: 0.1, torch.bfloat16: 0.3}
"""Largest relative difference between a tangent and a finite difference, by the weights' dtype."""


def tangent(
    network: VelocityNetwork,
    x: Tensor,
    direction: Tensor,
    t: Tensor,
    label: Tensor,
    **given: Tensor,
) -> Tensor:
    """``J z`` at ``x [B, *shape]``, where ``J = dv/dx`` and ``z`` is the direction ``[B, *shape]``.

    Forward mode takes one pass and no graph, but needs a rule for every operation. Attention has
    one only in its plain form, which is used here. A foreign module may have operations without a
    rule; see :func:`differentiable`.
    """
    load_rules()
    # Inference tensors cannot have tangents; clones made outside of inference mode can.
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        forward_ad.dual_level(),
        unwatched(),
    ):
        z = direction.clone()
        dual = forward_ad.make_dual(x.clone().contiguous(), z)  # type: ignore[no-untyped-call]
        others = {name: value.clone() for name, value in given.items()}
        velocity = network(dual, t.clone(), label.clone(), **others)
        found: Tensor | None = forward_ad.unpack_dual(velocity).tangent  # type: ignore[no-untyped-call]
        # torch returns None where the velocity does not depend on the point.
        return torch.zeros_like(z) if found is None else found


def gradient(
    network: VelocityNetwork,
    x: Tensor,
    direction: Tensor,
    t: Tensor,
    label: Tensor,
    **given: Tensor,
) -> Tensor:
    """``J^T z`` in reverse mode, for the same arguments: ``z . (J^T z) = z . (J z)``.

    It costs about twice as much as :func:`tangent`, and is for networks with operations that have
    no rule of forward mode.
    """
    with torch.inference_mode(False), torch.enable_grad():
        point = x.clone().contiguous().requires_grad_()
        others = {name: value.clone() for name, value in given.items()}
        velocity = network(point, t.clone(), label.clone(), **others)
        (found,) = torch.autograd.grad(velocity, point, direction.clone())
        return found.detach()


def derivative(network: VelocityNetwork) -> Derivative | None:
    """How a network can be differentiated with the right result; ``None`` if it cannot.

    Every load checks two rows, which takes some 65 ms for the shipped image models; what was found
    is remembered as long as the network lives on that device. torch raises an error for an
    operation without a rule, but treats a part of the network that is outside torch, or detached,
    as a constant without a warning. So the slope along the direction is compared with finite
    differences, and a tangent in all its components.
    """
    known = _FOUND.setdefault(network, {})
    if network.device not in known:
        known[network.device] = _checked(network)
    return known[network.device]


_FOUND: WeakKeyDictionary[VelocityNetwork, dict[torch.device, Derivative | None]] = (
    WeakKeyDictionary()
)


def _checked(network: VelocityNetwork) -> Derivative | None:
    """The first way whose result is right."""
    x = torch.stack([normal((2, *network.shape), 0, row, Purpose.DIRECTION) for row in range(2)])
    points, directions = x.to(network.device).unbind(1)
    signs = torch.where(directions < 0, -1.0, 1.0)
    t = torch.tensor([0.25, 0.75], device=network.device)
    label = torch.full((2,), network.classes, device=network.device)
    agreement = max(AGREEMENT.get(p.dtype, 0.0) for p in (x, *network.parameters()))

    def agrees(found: Tensor, step: float, whole: bool) -> bool:
        ahead, behind = (network(points + h * signs, t, label) for h in (step, -step))
        expected = (ahead - behind).double() / (2 * step)
        if not whole:
            found, expected = ((signs * z).flatten(1).sum(1) for z in (found, expected))
        return bool((found - expected).norm() <= agreement * expected.norm())

    for one in (tangent, gradient):
        try:
            found = one(network, points, signs, t, label)
            with torch.no_grad():
                if any(agrees(found, step, one is tangent) for step in STEPS):
                    return one
        except Exception:  # a third-party network may raise anything
            continue
    return None


def differentiable(network: VelocityNetwork) -> bool:
    """Whether a network can be differentiated; see :func:`derivative`."""
    return derivative(network) is not None
