"""Objectives: differentiable functions of a sample, whose gradients guide lanes.

Two are built in. Installed packages add others by entry points of the group
``sureflow.objectives``, and programs by :func:`register`. Requests can only name these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from sureflow.core.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

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


OBJECTIVES: Registry[Objective] = Registry(
    "sureflow.objectives", {"brightness": brightness, "smoothness": smoothness}
)
register = OBJECTIVES.register
