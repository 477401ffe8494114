"""Training objectives by name, and those for a velocity and its variance.

The latter compare the network with the target ``u = x1 - x0``. The variance is trained by a
heteroscedastic Gaussian likelihood, so that it matches the actual residual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sureflow.networks import VelocityNetwork
from sureflow.training import counted, masked
from sureflow.training.config import TrainingConfig
from sureflow.training.data import Source
from sureflow.training.points import Points, points_on_paths

BETA = 0.5


class Objective(NamedTuple):
    """What a network is trained for.

    Attributes:
        loss: ``loss(network, points)`` accumulates gradients and returns the loss to report.
        trained: The parameters that it trains; all others are frozen.
        points: Draws what the network is asked at a step, and what it should answer.
    """

    loss: Callable[[Any, Any], Tensor]
    trained: Callable[[Any], Iterable[nn.Parameter]]
    points: Callable[[Any, Source, TrainingConfig, torch.Generator], Any] = points_on_paths


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


OBJECTIVES: dict[str, Objective] = {
    "velocity": Objective(velocity, VelocityNetwork.velocity_parameters),
    "beta_nll": Objective(beta_nll, VelocityNetwork.parameters),
    "decoupled": Objective(decoupled, VelocityNetwork.parameters),
    "variance": Objective(variance, VelocityNetwork.noise_parameters),
    "beta_variance": Objective(beta_variance, VelocityNetwork.noise_parameters),
    "masked": Objective(masked.loss, nn.Module.parameters, masked.points),
    "counts": Objective(counted.loss, nn.Module.parameters, counted.points),
    "bregman": Objective(counted.bregman_loss, nn.Module.parameters, counted.points),
}
"""The objectives by name."""


def _moments(net: VelocityNetwork, at: Points) -> tuple[Tensor, Tensor]:
    out = net.moments(at.x, at.t, at.label, **at.given)
    assert out.variance is not None
    return out.mean.float(), out.variance


def _nll(residual: Tensor, variance: Tensor) -> Tensor:
    """Gaussian negative log-likelihood per component, without its constant."""
    return 0.5 * (residual / variance + variance.log())
