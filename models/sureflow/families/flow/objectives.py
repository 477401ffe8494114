"""Objectives: differentiable functions of a sample, whose gradients guide lanes.

Two are built in. Installed packages add others by entry points of the group
``sureflow.objectives``, and programs by :func:`register`. Requests can only name these.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

GROUP = "sureflow.objectives"

Objective: TypeAlias = "Callable[[Tensor], Tensor]"
"""Maps a sample ``[*shape]`` to a number, larger for better samples; differentiable."""


def brightness(x: Tensor) -> Tensor:
    """Mean of all components."""
    return x.mean()


def smoothness(x: Tensor) -> Tensor:
    """Minus half the sum of squared differences between neighbours in space, or in a vector."""
    total = x.new_zeros(())
    for axis in range(-min(x.dim(), 2), 0):
        total = total - x.diff(dim=axis).square().sum() / 2
    return total


_objectives: dict[str, Objective] = {"brightness": brightness, "smoothness": smoothness}
_built_in = frozenset(_objectives)


def register(name: str, objective: Objective) -> None:
    """Register an objective under a name.

    Raises:
        ValueError: The name belongs to a built-in objective.
    """
    if name in _built_in:
        raise ValueError(f"name: {name!r} is the name of an objective built in")
    _objectives[name] = objective


def find(name: str) -> Objective | None:
    """The objective of a name, if any; entry points are imported on first use."""
    if name not in _objectives:
        for entry in entry_points(group=GROUP, name=name):
            _objectives[name] = entry.load()
    return _objectives.get(name)


def names() -> list[str]:
    """Names of all objectives."""
    return sorted({*_objectives, *(entry.name for entry in entry_points(group=GROUP))})
