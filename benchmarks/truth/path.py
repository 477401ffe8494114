"""Paths of many samples at once, with all evaluations of the solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sureflow.core.draw import Purpose, normal
from sureflow.families.flow.tableau import TABLEAUS
from sureflow.networks import VelocityNetwork

ROWS = 1000
"""Rows evaluated at once: what stays in the cache of a core."""


@dataclass(frozen=True)
class Path:
    """The evaluations of a fixed-step solver, stage by stage.

    Scores read these, so that a score is a function of a path alone.

    Attributes:
        t: Time of each evaluation, ``[points]``, float64.
        weight: Its weight in an integral over time, ``h b_j``; they sum to one. ``[points]``.
        first: Whether it is the first stage of a step, so that ``x`` is the sample's own state.
        x: Where, ``[points, n, *shape]``.
        v: Velocity there, likewise.
        variance: Its variance per component, likewise.
        start: Where the samples began, ``[n, *shape]``.
        end: The finished samples, ``[n, *shape]``.
    """

    t: Tensor
    weight: Tensor
    first: Tensor
    x: Tensor
    v: Tensor
    variance: Tensor
    start: Tensor
    end: Tensor

    @property
    def trace(self) -> Tensor:
        """``tr Sigma`` at every evaluation, ``[points, n]``, float64."""
        return self.variance.double().flatten(2).sum(-1)

    @property
    def dimension(self) -> int:
        """Components of a sample."""
        return self.end[0].numel()

    def integral(self, values: Tensor, after: float = 0.0) -> Tensor:
        """``int values dt`` by the solver's weights, over the steps that begin from ``after`` on.

        ``[points, n] -> [n]``.
        """
        begin = self.t[self.first][self.first.cumsum(0) - 1]
        chosen = begin >= after - 1e-9
        return self.weight[chosen] @ values[chosen].double()


def starts(network: VelocityNetwork, seed: int, count: int) -> Tensor:
    """The noise that served samples of this seed begin with, ``[count, *shape]``."""
    drawn = [normal(network.shape, seed, index, Purpose.START).numpy() for index in range(count)]
    return torch.from_numpy(np.stack(drawn))


@torch.inference_mode()
def solve(network: VelocityNetwork, start: Tensor, method: str = "heun", steps: int = 20) -> Path:
    """The paths that the sampler takes from these starts, on equal steps.

    Raises:
        ValueError: The method is not made of the same stages at every step.
    """
    tableau = TABLEAUS[method]
    if tableau.multistep:
        raise ValueError(f"method: {method} evaluates differently in its first step")
    h, x = 1 / steps, start
    points, velocities, variances = [], [], []
    times = [(step + c) * h for step in range(steps) for c in tableau.c]
    for step in range(steps):
        stages: list[Tensor] = []
        for row, c in zip(tableau.a, tableau.c, strict=True):
            points.append(_moved(x, h, row, stages))
            mean, variance = evaluate(network, points[-1], (step + c) * h)
            stages.append(mean)
            variances.append(variance)
        velocities += stages
        x = _moved(x, h, tableau.b, stages)
    return Path(
        t=torch.tensor(times, dtype=torch.float64),
        weight=torch.tensor(tableau.b, dtype=torch.float64).repeat(steps) * h,
        first=torch.arange(len(times)) % tableau.stages == 0,
        x=torch.stack(points),
        v=torch.stack(velocities),
        variance=torch.stack(variances),
        start=start,
        end=x,
    )


def _moved(x: Tensor, h: float, weights: tuple[float, ...], stages: list[Tensor]) -> Tensor:
    for weight, stage in zip(weights, stages, strict=True):
        x = x + h * weight * stage
    return x


@torch.inference_mode()
def evaluate(network: VelocityNetwork, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
    """Velocity and variance at points ``x [n, *shape]`` of one time, both ``[n, *shape]``."""
    means, variances = [], []
    for rows in torch.split(x, ROWS):
        out = network.moments(rows, torch.full((len(rows),), t, dtype=x.dtype))
        assert out.variance is not None
        means.append(out.mean)
        variances.append(out.variance)
    return torch.cat(means), torch.cat(variances)


@torch.inference_mode()
def velocity(network: VelocityNetwork, x: Tensor, t: float) -> Tensor:
    """The velocity alone, which costs less."""
    parts = torch.split(x, ROWS)
    return torch.cat([network(rows, torch.full((len(rows),), t, dtype=x.dtype)) for rows in parts])


def arrive(network: VelocityNetwork, start: Tensor, steps: int = 20) -> Tensor:
    """End points of Heun's method, ``[n, *shape]``; without variance, which costs less."""
    h, x = 1 / steps, start
    for step in range(steps):
        first = velocity(network, x, step * h)
        second = velocity(network, x + h * first, (step + 1) * h)
        x = x + h / 2 * first + h / 2 * second
    return x


def exact_trace(network: VelocityNetwork, path: Path) -> Tensor:
    """``tr Cov[u | x_t]`` of another network at the points of a path, ``[points, n]``, float64."""
    traces = [
        evaluate(network, x.double(), float(t))[1].flatten(1).sum(1)
        for x, t in zip(path.x, path.t, strict=True)
    ]
    return torch.stack(traces)


def divergence(network: VelocityNetwork, path: Path, count: int) -> Tensor:
    """Divergence of the velocity itself along the first paths, ``[points, count]``, float64.

    By automatic differentiation, one backward pass per component.
    """
    return torch.stack(
        [
            torch.cat(
                [_divergence(network, rows, float(t)) for rows in torch.split(x[:count], ROWS)]
            )
            for x, t in zip(path.x, path.t, strict=True)
        ]
    )


def _divergence(network: VelocityNetwork, x: Tensor, t: float) -> Tensor:
    at = x.clone().requires_grad_()
    out = network(at, torch.full((len(at),), t, dtype=at.dtype)).flatten(1)
    total = torch.zeros(len(at), dtype=torch.float64)
    for component in range(out.shape[1]):
        (row,) = torch.autograd.grad(out[:, component].sum(), at, retain_graph=True)
        total += row.flatten(1)[:, component].double()
    return total
