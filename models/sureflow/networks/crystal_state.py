"""The state of a crystal as one array: a cell, and fractional coordinates on the torus.

The first rows, ``CELL`` of them, are the six numbers of the cell, see :mod:`sureflow.core.cell`.
The other rows are the fractional coordinates of atoms times ``SCALE``, by which uniform ones have
unit variance. In a lane they are kept unwrapped.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sureflow.core.cell import CENTRE, DEVIATION, SYMMETRIC
from sureflow.core.crystal import CELL, SCALE

HALVINGS, TERMS = 4, 7
"""By which the exponential is as exact as float32."""

LARGEST = 4.0
"""Bound of the entries of ``s``, beyond which a cell counts as this one: it has no meaning."""


def displacement(difference: Tensor) -> Tensor:
    """The shortest way on the torus for each atom, less its mean over the atoms.

    The argument is a difference of coordinates, in units of the state, ``[..., n, 3]``. A crystal
    that is moved as a whole is the same crystal, so its movement is no part of the way.
    """
    shortest = difference - SCALE * (difference / SCALE).round()
    return shortest - shortest.mean(-2, keepdim=True)


def start(noise: Tensor, data: Tensor) -> Tensor:
    """Where the straight path of a noise to data begins, ``[..., CELL + n, 3]``.

    It is the noise itself, but for an image of each atom that is nearest to where it goes, and for
    a translation of all of them.
    """
    way = displacement(data[..., CELL:, :] - noise[..., CELL:, :])
    return torch.cat([noise[..., :CELL, :], data[..., CELL:, :] - way], -2)


def noise_of(gaussian: Tensor, uniform: Tensor) -> Tensor:
    """Noise ``[..., CELL + n, 3]`` of two draws of this shape: normal cells, uniform coordinates.

    The second draw is uniform on [0, 1).
    """
    return torch.cat([gaussian[..., :CELL, :], SCALE * (uniform[..., CELL:, :] - 0.5)], -2)


def metric(state: Tensor) -> Tensor:
    """The metric ``L L^T`` of states ``[B, CELL + n, 3]`` in squared angstrom, ``[B, 3, 3]``.

    The exponential is a sum of products of elements, so that the bits of a row depend on it alone.
    """
    centre, deviation = state.new_tensor(CENTRE), state.new_tensor(DEVIATION)
    numbers = (state[:, :CELL].flatten(1) * deviation + centre).clamp(-LARGEST, LARGEST)
    part = numbers[:, list(SYMMETRIC)].reshape(-1, 3, 3) * (2 / 2**HALVINGS)
    term = torch.eye(3, dtype=state.dtype, device=state.device).expand_as(part)
    total = term
    for number in range(1, TERMS + 1):
        term = _product(term, part) / number
        total = total + term
    for _ in range(HALVINGS):
        total = _product(total, total)
    return total


def _product(a: Tensor, b: Tensor) -> Tensor:
    return a[..., :1] * b[:, :1] + a[..., 1:2] * b[:, 1:2] + a[..., 2:] * b[:, 2:]
