from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from stubs import Scripted

from sureflow.checkpoint import load
from sureflow.families.flow.head import velocity as velocity_head
from sureflow.networks import MLP
from sureflow.sampling.blocks import Division
from sureflow.sampling.compiled import Graphs, compiled
from sureflow.sampling.evaluator import ROW_COUNTS, Evaluator

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def sizes_tried_once() -> None:
    """Not here: it is about how they are tried."""


def evaluator_of(network, candidates, compile="off") -> Evaluator:
    head = velocity_head(network, {})
    return Evaluator(compiled(head.evaluate, compile, CPU), head.example, CPU, candidates)


def rows(count: int, size: int = 2) -> dict[str, torch.Tensor]:
    """Rows for a velocity."""
    label = torch.zeros(count, dtype=torch.long)
    return {"x": torch.randn(count, size), "t": torch.rand(count), "label": label}


def numbers(count: int) -> dict[str, torch.Tensor]:
    """Rows of a head with inputs of its own: no time, no label."""
    return {"a": torch.arange(float(count)), "b": torch.arange(2.0 * count).reshape(count, 2)}


def test_any_number_of_rows_is_split_into_known_sizes() -> None:
    seen = []

    def velocity(x, t, label):
        seen.append(len(x))
        return 2 * x

    evaluate = evaluator_of(Scripted(velocity), (4, 8, 16))
    assert all(seconds > 0 for seconds in evaluate.division.costs.values())
    for count in (1, 4, 5, 16, 17, 45):
        seen.clear()
        inputs = rows(count)
        out = evaluate(inputs)
        assert torch.equal(out["velocity"], 2 * inputs["x"])
        assert len(out["variance"]) == count
        assert set(seen) <= {4, 8, 16}
        assert sum(seen) - count < 16


@pytest.fixture
def priced():
    """An evaluator whose blocks cost what a test says."""

    def make(costs: dict[int, float]) -> Evaluator:
        evaluate = evaluator_of(Scripted(lambda x, t, label: x), tuple(costs))
        evaluate.division = Division(costs)
        return evaluate

    return make


def test_the_time_of_rows_is_that_of_their_blocks(priced) -> None:
    evaluate = priced({1: 1.0, 4: 1.9, 8: 3.3})
    assert evaluate.division.blocks(9) == (1, 8)
    assert evaluate.division.cost(9) == pytest.approx(4.3)


def test_a_real_network_keeps_every_size(unet) -> None:
    """Single images and few of them too: their layers take the same kernels as many."""
    assert evaluator_of(unet.network, ROW_COUNTS).sizes == ROW_COUNTS


def test_the_shipped_unet_runs_one_row_as_one_row() -> None:
    evaluate = evaluator_of(load("fashion").network, (1, 2, 3, 4, 8))
    assert evaluate.sizes == (1, 2, 3, 4, 8)


def test_a_head_is_asked_and_answers_by_name() -> None:
    evaluate = Evaluator(
        lambda a, b: {"sum": a + b.sum(1), "twice": 2 * b}, numbers, candidates=(2, 4)
    )
    inputs = numbers(7)
    answers = evaluate(inputs)
    assert torch.equal(answers["sum"], inputs["a"] + inputs["b"].sum(1))
    assert torch.equal(answers["twice"], 2 * inputs["b"])


def test_a_block_that_fits_is_passed_through_untouched() -> None:
    seen = []

    def evaluate(a, b):
        seen.append(a)
        return {"a": a}

    evaluator, inputs = Evaluator(evaluate, numbers, candidates=(4,)), numbers(4)
    assert evaluator(inputs)["a"] is inputs["a"] is seen[-1]


def test_where_no_block_agrees_with_itself_every_row_is_evaluated_alone() -> None:
    """Rounds by the place in the block, as a kernel might that splits its last rows otherwise."""
    asked = []

    def evaluate(a, b):
        asked.append(len(a))
        return {"a": a * (1 + 1e-6 * torch.arange(len(a)))}

    evaluator = Evaluator(evaluate, numbers, candidates=(4, 8))
    assert evaluator.sizes == (1,)
    asked.clear()
    assert torch.equal(evaluator(numbers(3))["a"], numbers(3)["a"])
    assert asked == [4, 4, 4]


def test_graphs_replay_what_was_captured_per_row_count() -> None:
    """A capture that repeats in fixed memory, as a CUDA graph does."""
    captured = []

    def capture(run):
        out = run()
        captured.append(len(out["velocity"]))

        def replay() -> None:
            for name, fresh in run().items():
                out[name].copy_(fresh)

        return replay, out

    plain = velocity_head(
        Scripted(lambda x, t, label: x * t[:, None] + label[:, None]), {}
    ).evaluate
    graphs = Graphs(plain, capture)
    answers, truths = [], []
    for rows in (2, 5, 2, 5, 2):
        inputs = {"x": torch.randn(rows, 2), "t": torch.rand(rows), "label": torch.arange(rows)}
        answers.append(graphs(**inputs))
        truths.append(plain(**inputs))
    assert captured == [2, 5]
    for answer, truth in zip(answers, truths, strict=True):  # later replays leave them alone
        assert answer.keys() == truth.keys() == {"velocity", "variance"}
        assert all(torch.equal(answer[name], truth[name]) for name in truth)


def test_graphs_need_a_gpu_and_unknown_ways_are_named() -> None:
    plain = velocity_head(Scripted(lambda x, t, label: x), {}).evaluate
    with pytest.raises(ValueError, match="graphs need a CUDA device"):
        compiled(plain, "graphs", CPU)
    with pytest.raises(ValueError, match="'fast' is unknown"):
        compiled(plain, "fast", CPU)


@pytest.mark.parametrize("error", [RuntimeError("operation not permitted\nat all"), None])
def test_what_cannot_be_captured_says_so(error: Exception | None) -> None:
    """A foreign network may copy numbers to the device, which a graph cannot repeat."""

    def failing(run: Callable[[], object]) -> Any:
        raise error or torch.OutOfMemoryError("out of memory")

    graphs = Graphs(velocity_head(Scripted(lambda x, t, label: x), {}).evaluate, failing)
    if error is None:
        with pytest.raises(torch.OutOfMemoryError):
            graphs(**rows(2))
        return
    with pytest.raises(
        ValueError, match=r"^compile: .* CUDA graph: operation not permitted; serve"
    ):
        graphs(**rows(2))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, about itself
def test_a_compiled_network_is_the_same_up_to_rounding() -> None:
    network = MLP((2,), width=16, layers=1).eval().requires_grad_(False)
    evaluate = evaluator_of(network, (4, 8), "compile")
    assert 8 in evaluate.sizes
    inputs = rows(30)
    with torch.inference_mode():
        out, truth = evaluate(inputs), network.moments(**inputs)
    assert torch.allclose(out["velocity"], truth.mean, atol=1e-5)
    assert torch.allclose(out["variance"], truth.variance, rtol=1e-4)
