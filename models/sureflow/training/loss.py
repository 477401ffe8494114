"""Training objectives for a velocity and its variance.

All compare the network with the target ``u = x1 - x0``. The variance is trained by a
heteroscedastic Gaussian likelihood, so that it matches the actual residual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from sureflow.networks import VelocityNetwork
from sureflow.training.points import Points

BETA = 0.5

Objective = Callable[[VelocityNetwork, Points], Tensor]
"""``objective(network, points)`` accumulates gradients and returns the loss to report."""


def velocity(net: VelocityNetwork, at: Points) -> Tensor:
    """Plain flow matching: mean squared error of the velocity. The variance is not trained."""
    loss: Tensor = (at.u - net(at.x, at.t, at.label, **at.given).float()).square().mean()
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def beta_nll(net: VelocityNetwork, at: Points) -> Tensor:
    """Gaussian likelihood weighted by the detached variance to the power 0.5.

    Velocity and variance are trained jointly. The weight prevents that regions of large variance
    are neglected (beta-NLL, Seitzer et al. 2022).
    """
    mean, variance = _moments(net, at)
    nll = _nll((at.u - mean).square(), variance)
    loss = (variance.detach() ** BETA * nll).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    return nll.detach().mean()


def decoupled(net: VelocityNetwork, at: Points) -> Tensor:
    """Velocity by squared error and variance by likelihood, without gradients between the two."""
    mean, variance = _moments(net, at)
    residual = (at.u - mean).square()
    loss = residual.mean()
    nll = _nll(residual.detach(), variance).mean()
    torch.autograd.backward(loss, inputs=net.velocity_parameters(), retain_graph=True)
    torch.autograd.backward(nll, inputs=net.noise_parameters())
    return loss.detach()


def variance(net: VelocityNetwork, at: Points) -> Tensor:
    """Variance alone, by likelihood, on a network whose velocity is frozen (``sureflow fit``)."""
    mean, sigma = _moments(net, at)
    nll = _nll((at.u - mean).square().detach(), sigma).mean()
    torch.autograd.backward(nll, inputs=net.noise_parameters())
    return nll.detach()


def beta_variance(net: VelocityNetwork, at: Points) -> Tensor:
    """As :func:`variance`, weighted as in :func:`beta_nll`.

    So regions of large variance count for more; few points of training lie there, but the bad
    samples do.
    """
    mean, sigma = _moments(net, at)
    nll = _nll((at.u - mean).square().detach(), sigma)
    loss = (sigma.detach() ** BETA * nll).mean()
    torch.autograd.backward(loss, inputs=net.noise_parameters())
    return nll.detach().mean()


@torch.no_grad()
def likelihoods(net: VelocityNetwork, at: Points) -> Tensor:
    """Negative log-likelihoods ``[n]`` per component of the points, in nats without a constant."""
    mean, sigma = _moments(net, at)
    return _nll((at.u - mean).square().double(), sigma.double()).flatten(1).mean(1).cpu()


OBJECTIVES: dict[str, tuple[Objective, Callable[[VelocityNetwork], Iterable[nn.Parameter]]]] = {
    "velocity": (velocity, VelocityNetwork.velocity_parameters),
    "beta_nll": (beta_nll, VelocityNetwork.parameters),
    "decoupled": (decoupled, VelocityNetwork.parameters),
    "variance": (variance, VelocityNetwork.noise_parameters),
    "beta_variance": (beta_variance, VelocityNetwork.noise_parameters),
}
"""The objectives by name, and the parameters that each trains; all others are frozen."""


def _moments(net: VelocityNetwork, at: Points) -> tuple[Tensor, Tensor]:
    out = net.moments(at.x, at.t, at.label, **at.given)
    assert out.variance is not None
    return out.mean.float(), out.variance


def _nll(residual: Tensor, variance: Tensor) -> Tensor:
    """Gaussian negative log-likelihood per component, without its constant."""
    return 0.5 * (residual / variance + variance.log())
