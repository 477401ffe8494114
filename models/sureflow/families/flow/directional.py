"""Directional derivatives of a velocity."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from sureflow.core.draw import Purpose, normal
from sureflow.networks import VelocityNetwork

ROW_COUNTS = (2, 4, 8)
"""Block sizes tried. None is 1: for a single image convolutions take a kernel that has no forward
mode. Few, because servers verify them for every model before they serve: these three take 0.4 of
the time of seven up to 16, and a row of 8 costs 1.0 to 1.4 times one of 16 (shipped images)."""

STEPS = (0.03, 0.01, 0.1)
"""Of finite differences: small enough for a curve, or large enough for what rounds."""

AGREEMENT = {torch.float32: 0.1, torch.bfloat16: 0.3}
"""Largest difference of a tangent from a finite difference, relative to it, by weights' dtype."""


def tangent(
    network: VelocityNetwork,
    x: Tensor,
    direction: Tensor,
    t: Tensor,
    label: Tensor,
    **given: Tensor,
) -> Tensor:
    """``J z`` at ``x [B, *shape]``, ``J = dv/dx``, ``z`` the direction of that shape.

    In forward mode: one pass, no graph. Forward mode needs a rule for every operation. Attention
    has one in its plain form alone, which is taken here; a foreign module may lack others, see
    :func:`differentiable`.
    """
    _load_rules()
    # Inference tensors have no tangents; their clones made out here are plain ones.
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        forward_ad.dual_level(),
    ):
        z = direction.clone()
        dual = forward_ad.make_dual(x.clone().contiguous(), z)  # type: ignore[no-untyped-call]
        others = {name: value.clone() for name, value in given.items()}
        velocity = network(dual, t.clone(), label.clone(), **others)
        found: Tensor | None = forward_ad.unpack_dual(velocity).tangent  # type: ignore[no-untyped-call]
        # None where the velocity does not depend on the point.
        return torch.zeros_like(z) if found is None else found


@cache
def _load_rules() -> None:
    """Load what torch loads at the first dual number, on the way warning of its own code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import_module("torch._decomp.decompositions_for_jvp")


def differentiable(network: VelocityNetwork) -> bool:
    """Whether a network has a forward mode, and it tells the truth.

    Two rows tell, at every load: some 65 ms for the shipped image models. Where an operation has no
    rule torch raises; where a part of the network lies outside torch, or was detached, it is silent
    and takes that part for a constant. So the tangent is compared with finite differences.
    """
    x = torch.stack([normal((2, *network.shape), 0, row, Purpose.PROBE) for row in range(2)])
    points, directions = x.to(network.device).unbind(1)
    signs = torch.where(directions < 0, -1.0, 1.0)
    t = torch.tensor([0.25, 0.75], device=network.device)
    label = torch.full((2,), network.classes, device=network.device)
    agreement = max(AGREEMENT.get(p.dtype, 0.0) for p in (x, *network.parameters()))

    def agrees(step: float) -> bool:
        ahead, behind = (network(points + h * signs, t, label) for h in (step, -step))
        expected = (ahead - behind).double() / (2 * step)
        return bool((found - expected).norm() <= agreement * expected.norm())

    try:
        found = tangent(network, points, signs, t, label)
        with torch.no_grad():
            return any(map(agrees, STEPS))
    except Exception:  # a third-party network may raise anything
        return False
