"""Networks that misbehave as kernels and plug-ins do, and what becomes of their block sizes."""

import math

import pytest
import torch
from stubs import Scripted
from torch import nn

from sureflow.families.flow.head import velocity as velocity_head
from sureflow.sampling.blocks import Division, verified_costs

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def sizes_tried_once() -> None:
    """Not here: it is about how they are tried."""


def costs(network, candidates) -> dict[int, float]:
    head = velocity_head(network, {})
    return verified_costs(head.evaluate, head.example, candidates, CPU)


def sizes(velocity, candidates=(1, 2, 4, 8, 16), variance=None, classes=0) -> tuple[int, ...]:
    network = Scripted(velocity, variance, classes=classes)
    return tuple(costs(network, candidates))


def test_the_largest_size_is_left_out_where_it_alone_differs() -> None:
    """One row then costs a block of 16 and not of 64."""
    found = sizes(lambda x, t, label: x * (1 + 1e-6 * (len(x) > 50)), (16, 24, 32, 48, 64))
    assert found == (16, 24, 32, 48)


def test_of_two_classes_the_one_with_the_smaller_blocks_is_taken() -> None:
    velocity = lambda x, t, label: x * (1 + 1e-6 * (len(x) < 10))  # noqa: E731
    assert sizes(velocity, (1, 2, 4, 8, 12, 16)) == (1, 2, 4, 8)


@pytest.mark.parametrize(("layers", "expected"), [(1, (4, 64)), (300, (1,))])
def test_one_row_alone_is_a_class_for_a_large_network_only(layers, expected) -> None:
    """A call costs a small one as much as the work of many rows: 64 calls for 64 rows would be a
    price that one padded row is not."""
    layer = torch.ones(200, 200)

    def velocity(x, t, label):
        for _ in range(layers):
            torch.ones(len(x), 200) @ layer  # the work alone; what kernels do here is no matter
        return x * (1 + 1e-6 * (len(x) < 2))

    assert sizes(velocity, (1, 4, 64)) == expected


@pytest.mark.parametrize(
    ("layers", "tried"), [(0, (8, 16, 32)), (350, (8, 16, 32)), (700, (8, 16))]
)
def test_large_sizes_are_left_out_of_large_networks_by_the_operations(layers, tried) -> None:
    """And not by a clock, by which they would be others from one day to the next."""
    layer, seen = torch.ones(200, 200), set()

    def velocity(x, t, label):
        seen.add(len(x))
        for _ in range(layers):
            torch.ones(len(x), 200) @ layer
        return x

    assert sizes(velocity, (8, 16, 32)) == tuple(sorted(seen)) == tried


@pytest.mark.parametrize("size", [2, 4, 8, 16])
@pytest.mark.parametrize("place", ["first", "second", "middle", "last"])
def test_a_size_whose_bits_depend_on_the_place_is_left_out(size: int, place: str) -> None:
    """The largest size too, which other ones are not compared with at every place."""
    at = {"first": 0, "second": 1, "middle": size // 2, "last": size - 1}[place]

    def velocity(x, t, label):
        return x * (1 + 1e-6 * ((torch.arange(len(x)) == at) & (len(x) == size))[:, None])

    assert sizes(velocity) == tuple(each for each in (1, 2, 4, 8, 16) if each != size)


def test_the_variance_is_compared_as_well() -> None:
    def variance(x, t, label):
        return torch.ones_like(x) * (1 + 1e-6 * (len(x) == 4))

    assert sizes(lambda x, t, label: x, variance=variance) == (1, 2, 8, 16)


def test_zeros_of_two_signs_differ() -> None:
    def velocity(x, t, label):
        return torch.cat([x[:, :1], torch.full_like(x[:, 1:], -0.0 if len(x) == 2 else 0.0)], 1)

    assert sizes(velocity) == (1, 4, 8, 16)


def mean_of_batch(x, t, label):
    return x - x.mean(0)


def first_time(x, t, label):
    return x * t[:1, None]


def last_label(x, t, label):
    return x * (1 + label[-1])


def neighbour(x, t, label):
    return x + x.roll(1, 0)


def number_of_rows(x, t, label):
    return x * len(x)


@pytest.mark.parametrize(
    "velocity", [mean_of_batch, first_time, last_label, neighbour, number_of_rows]
)
@pytest.mark.parametrize("candidates", [(1, 2, 4, 8), (4, 8), (8,), (1, 64)])
def test_a_network_whose_rows_see_each_other_is_refused(velocity, candidates) -> None:
    if velocity is number_of_rows and candidates == (8,):
        return  # nobody can see that
    with pytest.raises(ValueError, match="depends on the rows beside it"):
        sizes(velocity, candidates, classes=2)


def test_a_norm_over_the_batch_is_refused() -> None:
    """As a plug-in that was left in training mode has it."""
    norm = nn.BatchNorm1d(2)
    with pytest.raises(ValueError, match="depends on the rows beside it"):
        sizes(lambda x, t, label: norm(x), (2, 4))


@pytest.mark.parametrize("candidates", [(1,), (1, 2, 4), (4, 8)])
def test_a_random_network_is_refused(candidates) -> None:
    with pytest.raises(ValueError, match="another answer each time"):
        sizes(lambda x, t, label: torch.nn.functional.dropout(x), candidates)


def test_a_random_last_bit_leaves_no_size() -> None:
    assert sizes(lambda x, t, label: x * (1 + 1e-6 * torch.rand(len(x), 1)), (1, 2, 4)) == ()


@pytest.mark.parametrize(("at", "bad"), [(0.0, math.nan), (1.0, math.inf)])
@pytest.mark.parametrize("candidates", [(1,), (2, 4), (1, 2, 4, 8, 16)])
def test_a_network_that_is_not_finite_where_solvers_evaluate_is_refused(at, bad, candidates):
    def velocity(x, t, label):
        return torch.where(t[:, None] == at, bad, x)

    with pytest.raises(ValueError, match=f"velocity is not finite at t = {at:g}"):
        sizes(velocity, candidates)


def test_a_network_conditioned_on_the_log_odds_of_the_time_is_refused() -> None:
    with pytest.raises(ValueError, match="velocity is not finite at t = 0"):
        sizes(lambda x, t, label: x + 0 * torch.log(t / (1 - t))[:, None])


def test_a_label_without_an_answer_is_named() -> None:
    with pytest.raises(ValueError, match="variance is not finite at label = 2"):
        sizes(
            lambda x, t, label: x,
            variance=lambda x, t, label: torch.where(label[:, None] == 2, math.nan, x**2),
            classes=3,
        )


def test_rows_that_are_not_finite_here_and_there_harm_no_size() -> None:
    """Such samples end as diverged, each alone."""

    def velocity(x, t, label):
        return torch.where(x[:, :1] > 1, math.nan, x)

    assert sizes(velocity) == (1, 2, 4, 8, 16)


def test_every_row_must_have_an_answer() -> None:
    with pytest.raises(ValueError, match=r"velocity: 1 rows get an answer of \[2\]"):
        verified_costs(
            lambda **inputs: {"velocity": inputs["x"][0]},
            velocity_head(Scripted(lambda x, t, label: x), {}).example,
            (1, 2),
            CPU,
        )


def test_a_network_may_work_in_place() -> None:
    assert sizes(lambda x, t, label: x.mul_(2)) == (1, 2, 4, 8, 16)


def test_a_small_block_never_seems_dearer_than_a_large_one() -> None:
    """A disturbance, here of blocks of two rows, is no reason to take larger ones."""
    network = Scripted(
        lambda x, t, label: sum((x for _ in range(3000)), x * 0) / 3000 if len(x) == 2 else x
    )
    exact = Scripted(lambda x, t, label: network(x, t, label) * 0 + x)
    found = [*costs(exact, (1, 2, 3)).values()]
    assert found == sorted(found)


def test_of_two_blocks_that_cost_the_same_the_smaller_is_taken() -> None:
    assert Division({1: 1.0, 2: 1.0, 3: 1.0}).blocks(2) == (2,)


def test_rows_are_divided_at_the_least_cost() -> None:
    costs = {1: 1.0, 4: 1.9, 8: 3.3, 16: 9.0}
    division = Division(costs)
    for rows, blocks in {1: [1], 2: [4], 5: [1, 4], 6: [8], 9: [1, 8], 16: [8, 8]}.items():
        assert sorted(division.blocks(rows)) == blocks
    for rows in range(1, 60):
        blocks = division.blocks(rows)
        assert sum(blocks) >= rows
        assert sum(blocks[:-1]) < rows
        assert division.cost(rows) == sum(costs[size] for size in blocks)
        assert division.cost(rows) <= 3.3 * -(-rows // 8) + 1e-9


def test_a_division_that_gains_next_to_nothing_is_not_made() -> None:
    assert Division({8: 1.0, 16: 2.1}).blocks(16) == (16,)
    assert Division({8: 1.0, 16: 2.3}).blocks(16) == (8, 8)


def test_the_order_of_questions_changes_no_division() -> None:
    costs = {2: 1.0, 3: 1.2, 7: 2.0}
    whole = Division(costs)
    backwards = {rows: whole.blocks(rows) for rows in range(40, 0, -1)}
    assert all(Division(costs).blocks(rows) == blocks for rows, blocks in backwards.items())
