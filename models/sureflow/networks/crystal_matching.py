"""Which atom of a noise goes to which atom of a crystal: the shortest way there.

Crystals whose equal atoms change places, or which move as a whole, are the same crystal, and so are
their noises. Of all these pairs of a noise and a crystal the path takes the nearest one, so that
paths cross less (equivariant flow matching: Klein et al. 2023, Song et al. 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, permutations, product

import torch
from torch import Tensor

MOST = 720
"""Most orders of equal atoms of which all are tried; of more, atoms change places in pairs."""


def shortest(turns: Tensor) -> Tensor:
    """The shortest way of atoms that may move together, less its mean over them: ``[..., n, 3]``.

    The argument is a difference of fractional coordinates, of the same shape. Each axis is a circle
    that is cut between two of the points on it; of the ``n`` cuts the best is taken.
    """
    circle = turns - turns.floor()
    placed, order = circle.sort(-2)
    _, best = _squares(placed)
    count = turns.shape[-2]
    rank = torch.arange(count, device=turns.device)[:, None].expand_as(order)
    before = torch.zeros_like(order).scatter_(-2, order, rank) <= best[..., None, :]
    way = circle + before
    return way - way.mean(-2, keepdim=True)


def matched(noise: Tensor, data: Tensor, species: Tensor) -> Tensor:
    """For each atom of crystals the atom of the noise that goes there: ``[B, n]``, of one element.

    Together they have the least sum of squares of the ways, see :func:`shortest`. Where there are
    more orders than :data:`MOST`, no two atoms can change places and make it less.

    Args:
        noise: Fractional coordinates ``[B, n, 3]``.
        data: Those of the crystals, the same.
        species: Atomic numbers ``[B, n]``.
    """
    alike = species[:, :, None] == species[:, None, :]
    first = alike.to(torch.uint8).argmax(2)
    order = torch.empty_like(first)
    for pattern in sorted({tuple(row) for row in first.tolist()}):
        rows = (first == first.new_tensor(pattern)).all(1).nonzero()[:, 0]
        order[rows] = _matched(noise[rows], data[rows], pattern)
    return order


def _matched(noise: Tensor, data: Tensor, pattern: tuple[int, ...]) -> Tensor:
    orders = _orders(pattern)
    if orders is not None:
        tried = torch.tensor(orders, device=noise.device)
        best = _length(noise[:, tried], data[:, None]).argmin(1)
        return tried[best]
    order = torch.arange(len(pattern), device=noise.device).repeat(len(noise), 1)
    least = _length(noise, data)
    pairs = [(i, j) for i, j in combinations(range(len(pattern)), 2) if pattern[i] == pattern[j]]
    better = True
    while better:
        better = False
        for i, j in pairs:
            other = order.clone()
            other[:, i], other[:, j] = order[:, j], order[:, i]
            length = _length(noise.gather(1, other[..., None].expand_as(noise)), data)
            less = length < least * (1 - 1e-6)
            order, least = torch.where(less[:, None], other, order), length.minimum(least)
            better = better or bool(less.any())
    return order


@lru_cache(maxsize=256)
def _orders(pattern: tuple[int, ...]) -> Sequence[Sequence[int]] | None:
    """All orders in which equal atoms change places; ``None`` if there are too many."""
    groups = [[i for i, of in enumerate(pattern) if of == kind] for kind in sorted({*pattern})]
    count = 1
    for group in groups:
        for factor in range(2, len(group) + 1):
            count *= factor
            if count > MOST:
                return None
    found = []
    for chosen in product(*(permutations(group) for group in groups)):
        order = [0] * len(pattern)
        for group, places in zip(groups, chosen, strict=True):
            for place, atom in zip(group, places, strict=True):
                order[place] = atom
        found.append(order)
    return found


def _length(noise: Tensor, data: Tensor) -> Tensor:
    """Sum of squares of the shortest way: ``[...]`` of ``[..., n, 3]``."""
    turns = data - noise
    squares, _ = _squares((turns - turns.floor()).sort(-2).values)
    return squares[..., 0] + squares[..., 1] + squares[..., 2]


def _squares(placed: Tensor) -> tuple[Tensor, Tensor]:
    """The least sum of squares about the mean of ascending points on a circle of length 1.

    Returns:
        It, ``[..., 3]``, and the last of the points that are moved by a turn for it, from -1 on.
    """
    count = placed.shape[-2]
    sums = placed.cumsum(-2)
    turned = torch.arange(1, count, device=placed.device, dtype=placed.dtype)[:, None]
    total, squares = sums[..., -1:, :], placed.square().cumsum(-2)[..., -1:, :]
    moved = squares + 2 * sums[..., :-1, :] + turned
    centre = total + turned
    whole = torch.cat([total, centre.expand_as(moved)], -2)
    least = torch.cat([squares, moved], -2) - whole.square() / count
    value, place = least.min(-2)
    return value, place - 1
