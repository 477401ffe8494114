"""The shortest way of a noise to a crystal, against all orders and all images of atoms."""

from __future__ import annotations

from itertools import permutations, product

import pytest
import torch
from torch import Tensor

from sureflow.networks import crystal_matching
from sureflow.networks.crystal_matching import matched, shortest

SPECIES = ([3, 9], [9, 3, 9], [3, 3, 9, 9], [0, 0, 0, 0], [3, 7, 9, 9, 9], [9, 3, 9, 3, 9])


def drawn(count: int, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    noise, data = torch.rand(2, count, n, 3, generator=generator, dtype=torch.float64)
    return noise, data


def least(turns: Tensor) -> float:
    """The least sum of squares of a way, of all images."""
    images = torch.tensor([*product((-1.0, 0.0, 1.0), repeat=len(turns))], dtype=turns.dtype)
    ways = turns.T[:, None] + images  # [3, images, n]
    squares = (ways - ways.mean(2, keepdim=True)).square().sum(2)
    return float(squares.min(1).values.sum())


def brute(noise: Tensor, data: Tensor, species: list[int]) -> float:
    orders = [list(order) for order in permutations(range(len(species)))]
    allowed = [order for order in orders if [species[i] for i in order] == species]
    return min(least(data - noise[order]) for order in allowed)


def squares(noise: Tensor, data: Tensor, species: list[int]) -> list[float]:
    order = matched(noise, data, torch.tensor(species).expand(len(noise), -1))
    assert (torch.tensor(species)[order] == torch.tensor(species)).all()
    assert (order.sort(1).values == torch.arange(len(species))).all()
    way = shortest(data - noise.gather(1, order[..., None].expand_as(noise)))
    found: list[float] = way.square().sum((1, 2)).tolist()
    return found


@pytest.mark.parametrize("species", SPECIES, ids=str)
def test_no_order_of_equal_atoms_and_no_image_of_them_is_nearer(species: list[int]) -> None:
    noise, data = drawn(6, len(species))
    expected = [brute(*ends, species) for ends in zip(noise, data, strict=True)]
    assert squares(noise, data, species) == pytest.approx(expected, abs=1e-9)


def test_the_way_leads_there_but_for_a_movement() -> None:
    noise, data = drawn(50, 5)
    way = shortest(data - noise)
    torch.testing.assert_close(way.mean(1), torch.zeros(50, 3).double())
    apart = noise + way - data
    turns = apart - apart[:, :1]
    torch.testing.assert_close(turns, turns.round())


def test_equal_atoms_that_have_changed_places_have_no_way_to_go() -> None:
    _, data = drawn(20, 5)
    order = torch.tensor([0, 1, 4, 2, 3])
    moved = data[:, order] + torch.tensor([0.3, 0.8, 0.1])
    assert squares(moved, data, [1, 2, 3, 3, 3]) == pytest.approx([0] * 20, abs=1e-12)
    assert min(squares(moved, data, [1, 2, 3, 4, 5])) > 1e-3


def test_of_too_many_orders_no_pair_of_atoms_can_be_exchanged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noise, data = drawn(8, 4)
    best = squares(noise, data, [0] * 4)
    monkeypatch.setattr(crystal_matching, "MOST", 2)
    crystal_matching._orders.cache_clear()
    try:
        found = squares(noise, data, [0] * 4)
        order = matched(noise, data, torch.zeros(8, 4))
    finally:
        monkeypatch.undo()
        crystal_matching._orders.cache_clear()
    placed = noise.gather(1, order[..., None].expand_as(noise))
    for a, b in ((0, 1), (0, 2), (1, 3), (2, 3)):
        exchanged = placed.clone()
        exchanged[:, [a, b]] = placed[:, [b, a]]
        others = shortest(data - exchanged).square().sum((1, 2)).tolist()
        assert all(one <= other + 1e-9 for one, other in zip(found, others, strict=True))
    assert all(one >= other - 1e-9 for one, other in zip(found, best, strict=True))


def test_a_row_is_matched_as_it_is_alone() -> None:
    noise, data = drawn(12, 5)
    species = torch.tensor([SPECIES[4], SPECIES[5]] * 6)
    whole = matched(noise.float(), data.float(), species)
    for row in range(12):
        one = slice(row, row + 1)
        assert torch.equal(matched(noise[one].float(), data[one].float(), species[one]), whole[one])
