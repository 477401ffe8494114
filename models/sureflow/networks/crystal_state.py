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
from sureflow.networks.crystal_matching import matched, shortest

HALVINGS, TERMS = 4, 7
"""By which the exponential is as exact as float32."""

LARGEST = 4.0
"""Bound of the entries of ``s``, beyond which a cell counts as this one: it has no meaning."""


def displacement(difference: Tensor) -> Tensor:
    """The shortest way on the torus of atoms that may move together, less its mean over them.

    The argument is a difference of coordinates, in units of the state, ``[..., n, 3]``. A crystal
    that is moved as a whole is the same crystal, so its movement is no part of the way.
    """
    return SCALE * shortest(difference / SCALE)


def nearest(noise: Tensor, data: Tensor, species: Tensor) -> Tensor:
    """The coordinates of a noise from which the way to those of crystals is the shortest.

    They are the noise but for a translation of all atoms, an image of each, and an order of those
    of one element; all ``[B, n, 3]``, and ``species [B, n]``.
    """
    order = matched(noise / SCALE, data / SCALE, species)[..., None].expand_as(noise)
    return data - displacement(data - noise.gather(1, order))


def start(noise: Tensor, data: Tensor, species: Tensor) -> Tensor:
    """Where the straight path of a noise to data begins, ``[B, CELL + n, 3]``.

    It is the noise itself, as far as the cell goes; for the atoms see :func:`nearest`.
    """
    return torch.cat([noise[:, :CELL], nearest(noise[:, CELL:], data[:, CELL:], species)], 1)


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
