import pytest
import torch
from stubs import Scripted

from sureflow.checkpoint import load
from sureflow.moments import Moments
from sureflow.networks import MLP
from sureflow.sampling.compiled import compiled
from sureflow.sampling.evaluator import ROW_COUNTS, Evaluator, verified_costs
from sureflow.sampling.graphs import Graphs


def test_sizes_whose_bits_depend_on_the_batch_are_left_out() -> None:
    """A network that rounds differently below ten rows, as real kernels do below some size."""

    def velocity(x, t, label):
        return x * (1 + 1e-7 * (len(x) < 10))

    assert tuple(verified_costs(Scripted(velocity), (4, 8, 12, 16))) == (12, 16)


def test_sizes_whose_bits_depend_on_the_position_are_left_out() -> None:
    def velocity(x, t, label):
        shift = torch.zeros(len(x))
        shift[-1] = 1e-3 if len(x) == 8 else 0.0
        return x + shift[:, None]

    assert tuple(verified_costs(Scripted(velocity), (4, 8, 16))) == (4, 16)


def test_any_number_of_rows_is_split_into_known_sizes() -> None:
    seen = []

    def velocity(x, t, label):
        seen.append(len(x))
        return 2 * x

    evaluate = Evaluator(Scripted(velocity), (4, 8, 16))
    assert all(seconds > 0 for seconds in evaluate.costs.values())
    for count in (1, 4, 5, 16, 17, 45):
        seen.clear()
        x = torch.randn(count, 2)
        out = evaluate(x, torch.rand(count), torch.zeros(count, dtype=torch.long))
        assert torch.equal(out.mean, 2 * x)
        assert out.variance is not None
        assert len(out.variance) == count
        assert set(seen) <= {4, 8, 16}
        assert sum(seen) - count < 16


def test_a_small_block_never_seems_dearer_than_a_large_one() -> None:
    """A disturbance, here of blocks of two rows, is no reason to take larger ones."""

    def velocity(x, t, label):
        return sum((x for _ in range(3000)), x * 0) / 3000 if len(x) == 2 else x

    evaluate = Evaluator(Scripted(lambda x, t, label: velocity(x, t, label) * 0 + x), (1, 2, 3))
    costs = list(evaluate.costs.values())
    assert costs == sorted(costs)


def test_of_two_blocks_that_cost_the_same_the_smaller_is_taken() -> None:
    evaluate = Evaluator(Scripted(lambda x, t, label: x), (1, 2, 3))
    evaluate.costs = {1: 1.0, 2: 1.0, 3: 1.0}
    assert evaluate.blocks(2) == [2]


@pytest.fixture
def priced():
    """An evaluator whose blocks cost what a test says."""

    def make(costs: dict[int, float]) -> Evaluator:
        evaluate = Evaluator(Scripted(lambda x, t, label: x), tuple(costs))
        evaluate.costs = costs
        return evaluate

    return make


def test_rows_are_divided_at_the_least_cost(priced) -> None:
    evaluate = priced({1: 1.0, 4: 1.9, 8: 3.3, 16: 9.0})
    for rows, blocks in {1: [1], 2: [4], 5: [1, 4], 6: [8], 9: [1, 8], 16: [8, 8]}.items():
        assert sorted(evaluate.blocks(rows)) == blocks
    for rows in range(1, 60):
        blocks = evaluate.blocks(rows)
        assert sum(blocks) >= rows
        assert sum(blocks[:-1]) < rows
        assert sum(evaluate.costs[size] for size in blocks) <= 3.3 * -(-rows // 8) + 1e-9


def test_a_division_that_gains_next_to_nothing_is_not_made(priced) -> None:
    assert priced({8: 1.0, 16: 2.1}).blocks(16) == [16]
    assert priced({8: 1.0, 16: 2.3}).blocks(16) == [8, 8]


def test_best_rows_is_the_smallest_block_near_the_lowest_cost_per_row(priced) -> None:
    assert priced({1: 2.0, 4: 5.0, 8: 8.3, 16: 16.0, 32: 33.0}).best_rows == 8
    assert priced({4: 1.0, 8: 1.1, 64: 1.2}).best_rows == 64


def test_a_real_network_keeps_every_size(unet) -> None:
    """Single images and few of them too: their layers take the same kernels as many."""
    assert tuple(verified_costs(unet.network, ROW_COUNTS)) == ROW_COUNTS


def test_the_shipped_unet_runs_one_row_as_one_row() -> None:
    evaluate = Evaluator(load("fashion").network, (1, 2, 3, 4, 8))
    assert evaluate.sizes == (1, 2, 3, 4, 8)


def test_graphs_replay_what_was_captured_per_row_count() -> None:
    """A capture that repeats in fixed memory, as a CUDA graph does."""
    captured = []

    def capture(run):
        out = run()
        captured.append(len(out.mean))

        def replay() -> None:
            fresh = run()
            out.mean.copy_(fresh.mean)
            out.variance.copy_(fresh.variance)

        return replay, out

    network = Scripted(lambda x, t, label: x * t[:, None] + label[:, None])
    graphs = Graphs(network, capture)
    replies, truths = [], []
    for rows in (2, 5, 2, 5, 2):
        x, t, label = torch.randn(rows, 2), torch.rand(rows), torch.arange(rows)
        replies.append(graphs(x, t, label))
        truths.append(network.moments(x, t, label))
    assert captured == [2, 5]
    for reply, truth in zip(replies, truths, strict=True):  # later replays leave them alone
        assert isinstance(reply, Moments)
        assert torch.equal(reply.mean, truth.mean)
        assert torch.equal(reply.variance, truth.variance)


def test_graphs_need_a_gpu_and_unknown_ways_are_named() -> None:
    network = Scripted(lambda x, t, label: x)
    with pytest.raises(ValueError, match="graphs need a CUDA device"):
        compiled(network, "graphs")
    with pytest.raises(ValueError, match="'fast' is unknown"):
        compiled(network, "fast")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, about itself
def test_a_compiled_network_is_the_same_up_to_rounding() -> None:
    network = MLP((2,), width=16, layers=1).eval().requires_grad_(False)
    evaluate = Evaluator(network, (4, 8), compile="compile")
    assert 8 in evaluate.sizes
    x, t, label = torch.randn(30, 2), torch.rand(30), torch.zeros(30, dtype=torch.long)
    with torch.inference_mode():
        out, truth = evaluate(x, t, label), network.moments(x, t, label)
    assert torch.allclose(out.mean, truth.mean, atol=1e-5)
    assert torch.allclose(out.variance, truth.variance, rtol=1e-4)
