"""Directional derivatives of a velocity, as a network of their own."""

from __future__ import annotations

import warnings
from importlib import import_module

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from sureflow.moments import Moments
from sureflow.moments.reduction import row_sums
from sureflow.networks import VelocityNetwork

ROW_COUNTS = (2, 4, 8)
"""Block sizes tried. None is 1: for a single image convolutions take a kernel that has no forward
mode. Few, because servers verify them for every model before they serve: these three take 0.4 of
the time of seven up to 16, and a row of 8 costs 1.0 to 1.4 times one of 16 (shipped images)."""


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
        # torch loads these at the first dual number, and on the way warns of its own code.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import_module("torch._decomp.decompositions_for_jvp")

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        """Evaluate; there is no variance."""
        # Inference tensors have no tangents; their clones made out here are plain ones.
        with (
            torch.inference_mode(False),
            torch.no_grad(),
            sdpa_kernel(SDPBackend.MATH),
            forward_ad.dual_level(),
        ):
            points, directions = x.clone().unbind(1)
            signs = torch.where(directions < 0, -1.0, 1.0).to(points.dtype)
            dual = forward_ad.make_dual(points.contiguous(), signs)  # type: ignore[no-untyped-call]
            velocity = self.network(dual, t.clone(), label.clone())
            tangent = forward_ad.unpack_dual(velocity).tangent  # type: ignore[no-untyped-call]
            if tangent is None:  # the velocity does not depend on the point
                tangent = torch.zeros_like(signs)
            return Moments(row_sums(signs * tangent))


def differentiable(network: VelocityNetwork) -> bool:
    """Whether all operations of a network have a forward mode.

    One pass of two rows tells, at every load: some 65 ms for the shipped image models.
    """
    x = torch.zeros(2, 2, *network.shape, device=network.device)
    t, label = torch.full_like(x.flatten(1)[:, 0], 0.5), torch.full((2,), network.classes)
    try:
        Directional(network)(x, t, label.to(network.device))
    except Exception:  # a third-party network may raise anything
        return False
    return True
