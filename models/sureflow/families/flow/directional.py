"""Directional derivatives of a velocity, as a network of their own."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from sureflow.core.draw import Purpose, normal
from sureflow.moments import Moments
from sureflow.moments.reduction import row_sums
from sureflow.networks import VelocityNetwork

ROW_COUNTS = (2, 4, 8)
"""Block sizes tried. None is 1: for a single image convolutions take a kernel that has no forward
mode. Few, because servers verify them for every model before they serve: these three take 0.4 of
the time of seven up to 16, and a row of 8 costs 1.0 to 1.4 times one of 16 (shipped images)."""

STEPS = (0.03, 0.01, 0.1)
"""Of finite differences: small enough for a curve, or large enough for what rounds."""

AGREEMENT = {torch.float32: 0.1, torch.bfloat16: 0.3}
"""Largest difference of a tangent from a finite difference, relative to it, by weights' dtype."""


class Directional(VelocityNetwork):
    """``z . (J z)`` of a network, ``J = dv/dx``, in forward mode: one pass, no graph.

    A network itself, so that an :class:`~sureflow.sampling.evaluator.Evaluator` can find the row
    counts that give a row the same bits in any company. Its samples are a point and a direction,
    ``[B, 2, *shape]``, of which the signs alone count; its velocity is one number a row, ``[B]``,
    per unit time. The expectation over random signs is the divergence of the velocity (Hutchinson);
    the variance of one draw is ``sum_{i < j} (J_ij + J_ji)^2``, so that a diagonal Jacobian, as in
    one dimension, leaves no error.

    Forward mode needs a rule for every operation. Attention has one in its plain form alone, which
    is taken here; a foreign module may lack others, see :func:`differentiable`.

    Args:
        network: In evaluation mode, on its device.
    """

    trained = False

    def __init__(self, network: VelocityNetwork) -> None:
        super().__init__((2, *network.shape), network.classes, floor=0.0)
        self.network = network
        self.noise = nn.ModuleDict()
        self.eval()

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        """Evaluate; there is no variance."""
        points, directions = x.unbind(1)
        signs = torch.where(directions < 0, -1.0, 1.0).to(points.dtype)
        return Moments(row_sums(signs * tangent(self.network, points, signs, t, label)))


def tangent(
    network: VelocityNetwork, x: Tensor, direction: Tensor, t: Tensor, label: Tensor
) -> Tensor:
    """``J z`` at ``x [B, *shape]``, ``z`` the direction of that shape."""
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
        velocity = network(dual, t.clone(), label.clone())
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
