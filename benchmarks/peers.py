"""Other ODE solvers on the same network, where the extra `bench` has installed them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from sureflow.model import Model
from sureflow.sampling.evaluator import main_head

Solved = tuple[Tensor, int]
"""Samples ``[n, *shape]``, and evaluations that each of them cost."""

Peer = Callable[[Model, Tensor, Tensor, float], Solved]


class Counted:
    """The network's velocity as a function of time and a batch of states, with its calls."""

    def __init__(self, model: Model, label: Tensor) -> None:
        self.model = model
        self.label = label
        self.calls = 0

    @torch.inference_mode()
    def __call__(self, t: Tensor, x: Tensor) -> Tensor:
        """Velocity at ``x [n, *shape]``, all at ``t`` or each at its own."""
        self.calls += 1
        inputs = {"x": x, "t": t.float().expand(len(x)), "label": self.label}
        return main_head(self.model)(inputs)["velocity"]


def torchdiffeq_dopri5(model: Model, start: Tensor, label: Tensor, tolerance: float) -> Solved:
    """One step size and one error norm for the whole batch."""
    from torchdiffeq import odeint

    velocity = Counted(model, label)
    times = torch.tensor([0.0, 1.0])
    path = odeint(velocity, start, times, method="dopri5", rtol=tolerance, atol=tolerance)
    return path[-1], velocity.calls


def torchode_dopri5(model: Model, start: Tensor, label: Tensor, tolerance: float) -> Solved:
    """Steps per sample; the batch is evaluated whole until its slowest sample is done."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchode

        velocity = Counted(model, label)

        def flat(t: Tensor, y: Tensor) -> Tensor:
            return velocity(t, y.reshape(start.shape)).flatten(1)

        term = torchode.ODETerm(flat)
        control = torchode.IntegralController(atol=tolerance, rtol=tolerance, term=term)
        solver = torchode.AutoDiffAdjoint(torchode.Dopri5(term=term), control)
        begin, end = torch.zeros(len(start)), torch.ones(len(start))
        problem = torchode.InitialValueProblem(y0=start.flatten(1), t_start=begin, t_end=end)
        path = solver.solve(problem)
    return path.ys[:, -1].reshape(start.shape), velocity.calls


PEERS: dict[str, Peer] = {
    f"{package} dopri5": solve
    for package, solve in (("torchdiffeq", torchdiffeq_dopri5), ("torchode", torchode_dopri5))
    if find_spec(package) is not None
}
