"""Differentiable scores of an expected end, for lanes to be led up by their gradient.

Besides those built in, names come from the entry points of group ``sureflow.objectives`` of what
is installed, and from :func:`register`. A request only ever names what the operator has put there.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

import torch
from torch import Tensor

GROUP = "sureflow.objectives"

Objective = Callable[[Tensor], Tensor]
"""A number of a sample ``[*shape]``, larger where it is more as wanted; differentiable."""


def brightness(x: Tensor) -> Tensor:
    """The mean of all components."""
    return x.mean()


def smoothness(x: Tensor) -> Tensor:
    """Minus half the sum of squared differences between neighbours in space, or in a vector."""
    total = torch.zeros((), dtype=x.dtype, device=x.device)
    for axis in range(-min(x.dim(), 2), 0):
        total = total - x.diff(dim=axis).square().sum() / 2
    return total


_objectives: dict[str, Objective] = {"brightness": brightness, "smoothness": smoothness}
_built_in = frozenset(_objectives)


def register(name: str, objective: Objective) -> None:
    """Make an objective known under a name.

    Raises:
        ValueError: The name is that of one built in.
    """
    if name in _built_in:
        raise ValueError(f"name: {name!r} is the name of an objective built in")
    _objectives[name] = objective


def find(name: str) -> Objective | None:
    """What a name stands for; entry points are imported when first asked for."""
    if name not in _objectives:
        for entry in entry_points(group=GROUP, name=name):
            _objectives[name] = entry.load()
    return _objectives.get(name)


def names() -> list[str]:
    """All that are known."""
    return sorted({*_objectives, *(entry.name for entry in entry_points(group=GROUP))})


def gradient(name: str, x: Tensor) -> Tensor:
    """Gradient of an objective at ``x [*shape]``; the network has no part in it."""
    objective = find(name)
    assert objective is not None
    with torch.inference_mode(False), torch.enable_grad():
        point = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(objective(point), point)
    return slope
