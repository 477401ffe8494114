"""Energies: differentiable functions of a crystal, down whose gradients lanes are guided.

One is built in. Installed packages add others by entry points of the group
``sureflow.crystal_energies``, and programs by :func:`register`. Requests can only name these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from sureflow.core.elements import RADII
from sureflow.core.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

Energy: TypeAlias = "Callable[[Tensor, Tensor, Tensor], Tensor]"
"""Maps lattice vectors ``[3, 3]`` in angstrom, fractional coordinates ``[n, 3]`` in any image, and
atomic numbers ``[n]`` to a number, smaller for better crystals; differentiable in the first two. It
does not change if all atoms move together, or the lattice is turned."""

APART = 0.75
"""Distance of two atoms, in sums of their radii, below which they repel each other. Of the crystals
that ship within 0.3 eV/atom of the best, one in a hundred has atoms nearer than that."""


def repulsion(lattice: Tensor, frac: Tensor, species: Tensor) -> Tensor:
    """Soft repulsion, ``sum (1 - d / (0.75 (r_i + r_j)))^2`` over pairs of atoms nearer than that.

    ``d`` is their distance and ``r`` the atomic radii of Slater (1964). An atom repels the images
    of all in the cells around too, its own among them, so that a cell does not become too small.
    An element without a radius counts as a point.
    """
    import torch

    radius = torch.as_tensor(RADII, dtype=frac.dtype, device=frac.device)[species]
    reach = APART * (radius[:, None] + radius).clamp(min=1e-3)[..., None]
    between = frac[:, None] - frac[None]
    steps = torch.arange(-1, 2, dtype=frac.dtype, device=frac.device)
    images = torch.cartesian_prod(steps, steps, steps)
    ways = ((between - between.round())[:, :, None] + images) @ lattice
    square = ways.square().sum(-1)
    other = square > 1e-9  # not the atom itself
    distance = torch.where(other, square, 1.0).sqrt()
    near = (1 - distance / reach).clamp(min=0)
    return torch.where(other, near, 0.0).square().sum() / 2


ENERGIES: Registry[Energy] = Registry("sureflow.crystal_energies", {"repulsion": repulsion})
register = ENERGIES.register
