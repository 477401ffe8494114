"""Parallel in time, against one step after another and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import Scripted, answers, model_of

from sureflow.core.draw import Purpose, normal
from sureflow.core.family import cost_of
from sureflow.core.lane import Sample
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.picard import Picard
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.sample import run
from sureflow.sampling.sampler import Sampler


def euler(steps: int, parallel: int, tolerance: float = 1e-3, index: int = 0, **fields) -> FlowSpec:
    return FlowSpec(
        5, index, "euler", steps, parallel=parallel, parallel_tolerance=tolerance, **fields
    )


def ticks(model: Model, specs: list[FlowSpec]) -> tuple[list[int], list[Sample]]:
    """Ticks until each of these lanes, all started at once, was done; and their samples."""
    sampler = Sampler(model, len(specs))
    for index, spec in enumerate(specs):
        sampler.admit(index, spec)
    taken, samples, count = {}, {}, 0
    while sampler.running:
        count += 1
        for index, sample in sampler.tick().finished:
            taken[index], samples[index] = count, sample
    order = range(len(specs))
    return [taken[index] for index in order], [samples[index] for index in order]


@pytest.mark.parametrize("steps", [1, 2, 20, 65, 200])
@pytest.mark.parametrize("window", [1, 4, 16, 64])
def test_a_straight_path_is_accepted_a_window_at_a_time(steps: int, window: int) -> None:
    """One evaluation to know the direction; from then on every guess is right."""
    net = Scripted(lambda x, t, label: torch.full_like(x, 2.0))
    ((taken,), (sample,)) = ticks(model_of(net), [euler(steps, window)])
    assert taken == 1 + math.ceil((steps - 1) / window)
    assert sample.evaluations == sample.accepted == steps
    assert sample.data == pytest.approx(normal((2,), 5, 0, Purpose.START).numpy() + 2, abs=1e-5)
    assert sample.finish_reason == "converged"


def test_sweep_k_is_exact_to_order_k() -> None:
    """x' = a x: Euler gives x0 (1 + a h)^j, of which sweep k knows the powers of h up to k."""
    steps, a = 60, 3.0
    lanes = FlowLanes(1, (2,), torch.device("cpu"))
    picard, net = Picard(lanes), Scripted(lambda x, t, label: a * x)
    picard.admit(0, euler(steps, 64, 0.0))
    start, slots = lanes.x[0].double().numpy().copy(), np.array([0])
    done, bounds = False, []
    while not done:
        (done,), _ = picard.tell(slots, answers(picard.ask(slots), net))
        j = np.arange(lanes.step[0], steps + done)
        exact = start * (1 + a / steps) ** j[:, None]
        terms = np.array([[math.comb(i, m) * (a / steps) ** m for m in range(61)] for i in j])
        bounds.append(terms[:, len(bounds) + 2 :].sum(1).max() * np.abs(start).max())
        reached = lanes.x[:1] if done else picard.guesses[0]
        error = np.abs(reached.numpy() - exact).max()
        assert error <= bounds[-1] + 1e-5 * np.abs(exact).max()
    assert bounds[0] > 1
    assert 5 < len(bounds) < 25, "until rounding alone is left"


@pytest.mark.parametrize("guidance", [1.0, 2.5])
@pytest.mark.parametrize("window", [1, 3, 64])
def test_without_tolerance_it_is_one_step_after_another(mixture, unet, window, guidance) -> None:
    for model, steps in ((mixture, 50), (unet, 12)):
        fields = {"label": 1, "guidance": guidance}
        (expected,) = run(model, [euler(steps, 0, **fields)])
        ((taken,), (sample,)) = ticks(model, [euler(steps, window, 0.0, **fields)])
        for name in ("data", "map", "t"):
            assert getattr(sample, name).tobytes() == getattr(expected, name).tobytes()
        assert sample.rate == pytest.approx(expected.rate, rel=1e-5)
        assert (sample.uncertainty, sample.commit) == (expected.uncertainty, expected.commit)
        assert taken <= steps
        if window == 1:
            assert (taken, sample.evaluations) == (steps, expected.evaluations)
        elif model is mixture:
            assert taken < steps, "states in float32 stop moving before the last sweep"


@pytest.mark.parametrize(
    ("steps", "window", "tolerance", "rounds", "cost"),
    [(200, 40, 1e-2, 12, 2.2), (200, 64, 1e-3, 16, 3.0), (1000, 64, 1e-3, 32, 1.7)],
)
def test_a_mixture_takes_few_rounds(mixture, steps, window, tolerance, rounds, cost) -> None:
    count = 24
    expected = run(mixture, [euler(steps, 0, index=index) for index in range(count)])
    taken, samples = ticks(
        mixture, [euler(steps, window, tolerance, index) for index in range(count)]
    )
    assert max(taken) <= rounds
    assert np.mean([sample.evaluations for sample in samples]) <= cost * steps
    difference = np.array([a.data - b.data for a, b in zip(samples, expected, strict=True)])
    assert np.sqrt(np.square(difference).mean()) < tolerance
    ratios = [a.uncertainty / b.uncertainty for a, b in zip(samples, expected, strict=True)]
    assert np.abs(np.array(ratios) - 1).mean() < tolerance
    for sample, one in zip(samples, expected, strict=True):
        assert sample.map == pytest.approx(one.map, rel=10 * tolerance), (
            "near a border between modes"
        )
        assert sample.uncertainty == pytest.approx(sample.map.sum(), rel=1e-6)
        assert sample.accepted == steps
        assert sample.commit.t == pytest.approx(one.commit.t, abs=2 / steps + 1e-6)


def test_a_smaller_tolerance_comes_closer(mixture) -> None:
    count = 24
    expected = run(mixture, [euler(100, 0, index=index) for index in range(count)])
    errors, costs = [], []
    for tolerance in (1e-1, 1e-2, 1e-3, 1e-4):
        samples = run(mixture, [euler(100, 16, tolerance, index) for index in range(count)])
        pairs = zip(samples, expected, strict=True)
        errors.append(np.mean([np.square(a.data - b.data).mean() for a, b in pairs]))
        costs.append(sum(sample.evaluations for sample in samples))
    assert errors == sorted(errors, reverse=True)
    assert costs == sorted(costs)


def winding(x, t, label):
    """Label 0 is straight, label 1 turns."""
    return torch.where((label == 1)[:, None], 6 * torch.cos(9 * x + 5 * t[:, None]), 1.0)


def test_a_slow_sample_holds_no_fast_one_back() -> None:
    model = model_of(Scripted(winding, classes=2))
    specs = [
        euler(90, 30, index=0, label=0),
        euler(90, 30, index=1, label=1),
        euler(90, 9, index=2, label=0),
        euler(90, 4, 1e-5, index=3, label=1),
    ]
    together, samples = ticks(model, specs)
    assert together[0] == 1 + math.ceil(89 / 30)
    assert together[2] == 1 + math.ceil(89 / 9)
    assert together[1] > 2 * together[0]
    for spec, taken, sample in zip(specs, together, samples, strict=True):
        ((alone,), (same,)) = ticks(model, [spec])
        assert alone == taken
        assert same.data.tobytes() == sample.data.tobytes()


lanes_of_both_kinds = st.builds(
    FlowSpec,
    seed=st.integers(0, 5),
    index=st.integers(0, 3),
    method=st.just("euler"),
    steps=st.integers(1, 20),
    label=st.sampled_from([None, 0, 1]),
    guidance=st.sampled_from([1.0, 2.0]),
    parallel=st.sampled_from([0, 1, 2, 5, 16]),
    parallel_tolerance=st.sampled_from([0.0, 1e-3, 0.1]),
) | st.builds(
    FlowSpec,
    seed=st.integers(0, 5),
    index=st.integers(0, 3),
    method=st.sampled_from(["heun", "rk4"]),
    steps=st.integers(1, 5),
    label=st.sampled_from([None, 1]),
)


@settings(max_examples=8)
@given(
    arrivals=st.lists(
        st.tuples(lanes_of_both_kinds, st.integers(0, 3), st.booleans()), min_size=1, max_size=8
    ),
    capacity=st.integers(1, 6),
)
def test_a_sample_does_not_depend_on_its_neighbours(mixture, unet, arrivals, capacity) -> None:
    for model in (mixture, unet):
        sampler = Sampler(model, capacity)
        pending, results, cancelled = list(enumerate(arrivals)), {}, set()
        while pending or sampler.running:
            while pending and sampler.free:
                ticket, (spec, wait, cancel) = pending.pop(0)
                sampler.admit(ticket, spec)
                for _ in range(wait):
                    results.update(sampler.tick().finished)
                if cancel and ticket not in results:
                    sampler.cancel([ticket])
                    cancelled.add(ticket)
            results.update(sampler.tick().finished)
        assert results.keys() == set(range(len(arrivals))) - cancelled
        for ticket, sample in results.items():
            (alone,) = run(model, [arrivals[ticket][0]])
            for name in ("data", "map", "t", "rate"):
                assert getattr(sample, name).tobytes() == getattr(alone, name).tobytes()
            for name in ("uncertainty", "commit", "accepted", "evaluations", "finish_reason"):
                assert getattr(sample, name) == getattr(alone, name)


def test_a_lane_that_diverges_ends_alone() -> None:
    """Label 1 explodes at t > 0.5: six steps of ten begin before."""

    def velocity(x, t, label):
        bad = (label == 1) & (t > 0.5)
        return torch.where(bad[:, None], torch.inf, -x)

    net = Scripted(velocity, lambda x, t, label: velocity(x, t, label) ** 2, classes=2)
    specs = [euler(10, 4, index=index, label=label) for index, label in enumerate((0, 1, 0))]
    good, bad, other = run(model_of(net), specs)
    assert (bad.finish_reason, bad.accepted, bad.confidence) == ("diverged", 6, 0)
    assert np.isfinite(bad.data).all()
    assert np.isfinite(bad.map).all()
    assert [good.finish_reason, other.finish_reason] == ["converged", "converged"]
    assert good.data.tobytes() == run(model_of(net), specs[:1])[0].data.tobytes()


def test_a_guess_that_explodes_harms_nobody() -> None:
    """The first velocity points far away, to where the network fails; the path turns before."""

    def velocity(x, t, label):
        first = torch.where(t == 0, 1000.0, 0.0)[:, None] - x
        return torch.where(x.abs() > 100, torch.nan, first)

    model = model_of(Scripted(velocity))
    (expected,) = run(model, [euler(40, 0)])
    ((taken,), (sample,)) = ticks(model, [euler(40, 20, 0.0)])
    assert sample.finish_reason == "converged"
    assert sample.data.tobytes() == expected.data.tobytes()
    assert taken < 40


def test_guesses_take_memory_only_while_their_lane_is_in_flight(mixture) -> None:
    sampler = Sampler(mixture, capacity=4)
    sampler.admit(0, FlowSpec(0, 0, "heun", 40))
    assert sampler._buckets.phases(()).picard.guesses == {}
    for ticket, window in ((1, 8), (2, 3), (3, 64)):
        sampler.admit(ticket, euler(40, window, index=ticket))
    sampler.tick()
    points = sorted(len(guesses) for guesses in sampler._buckets.phases(()).picard.guesses.values())
    assert points == [3, 8, 39], "no more than are left"
    sampler.cancel([1, 3])
    assert sampler.free == 2
    assert [len(guesses) for guesses in sampler._buckets.phases(()).picard.guesses.values()] == [3]
    while sampler.running > 1:
        sampler.tick()
    assert sampler._buckets.phases(()).picard.guesses == {}
    assert sampler.progress().keys() == {0}


def test_rows_and_progress_are_counted(mixture) -> None:
    specs = [
        FlowSpec(0, 0, "heun", 3),
        FlowSpec(0, 1, "heun", 3, label=1, guidance=2.0),
        euler(30, 8),
        euler(30, 8, label=1, guidance=2.0),
        euler(30, 8, label=None, guidance=2.0),
        euler(5, 8),
    ]
    assert [cost_of(spec).peak for spec in specs] == [1, 2, 8, 16, 8, 5]
    sampler = Sampler(mixture, len(specs))
    for ticket, spec in enumerate(specs):
        sampler.admit(ticket, spec)
    assert sampler.tick().rows == 1 + 2 + 1 + 2 + 1 + 1
    assert sampler.tick().rows == 1 + 2 + 8 + 16 + 8 + 4
    step, t = sampler.progress()[2]
    assert step >= 2
    assert t == pytest.approx(step / 30)
