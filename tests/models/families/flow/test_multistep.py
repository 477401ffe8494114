"""Exponential multistep methods, against a mixture's exact path and their papers' algorithms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from stubs import Scripted, model_of

from sureflow.core.draw import Purpose, normal
from sureflow.core.lane import Branch
from sureflow.families.flow.multistep import adams_bashforth, exponential
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import edit, run

METHODS = ("dpmpp_2m", "unipc")
MEANS, WEIGHTS, VARIANCE = np.array([[2.0, 2.0], [-2.0, 1.0], [0.0, -2.5]]), [0.5, 0.3, 0.2], 0.15
NETWORK = GaussianMixture(MEANS.tolist(), WEIGHTS, [VARIANCE**0.5] * 3)


def data(x: np.ndarray, t: float) -> np.ndarray:
    """``E[x1 | x_t]`` of the mixture."""
    spread = t**2 * VARIANCE + (1 - t) ** 2
    away = x[:, None] - t * MEANS
    logits = np.log(WEIGHTS) - np.square(away).sum(2) / 2 / spread
    share = np.exp(logits - logits.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    return (share[..., None] * (MEANS + t * VARIANCE / spread * away)).sum(1)


def level(t: float) -> float:
    return math.log(t / (1 - t))


def dpm_solver(x: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Lu et al. (2022), algorithm 2, in its own terms."""
    before = None
    for s, e in itertools.pairwise(times):
        said = data(x, s)
        if e == 1:
            return said
        if s == 0:
            x, before = x + e * (said - x), (-math.inf, said)
            continue
        h, mean = level(e) - level(s), said
        if before is not None:
            r = (level(s) - before[0]) / h
            mean = (1 + 1 / (2 * r)) * said - 1 / (2 * r) * before[1]
        x = (1 - e) / (1 - s) * x - e * math.expm1(-h) * mean
        before = (level(s), said)
    return x


def by_weights(method: str, x: np.ndarray, times: np.ndarray) -> np.ndarray:
    """By our weights, in double precision."""
    said: list[np.ndarray] = []
    for number, (s, e) in enumerate(itertools.pairwise(times)):
        said.append(data(x, s))
        toward = [(z - x) / (1 - s) for z in reversed(said[-3:])]
        if number == 0:
            x = x + (e - s) * toward[0]
            continue
        at = np.array([[times[max(number - 2, 0)], times[number - 1], s, e]])
        with np.errstate(divide="ignore"):
            levels = np.log(at) - np.log1p(-at)
        correcting, twice = np.array([method == "unipc"]), np.array([number > 1])
        weights = exponential(at, levels, correcting, twice)[0]
        assert weights.sum() == pytest.approx(e - s)
        x = x + sum(w * v for w, v in zip(weights, toward, strict=False))
    return x


@pytest.mark.parametrize(("method", "order"), [("dpmpp_2m", 2), ("unipc", 3)])
def test_order_of_convergence(method: str, order: int) -> None:
    """Between two finite levels, in equal steps of them; UniC raises the order by one."""
    x = 0.9 * np.random.default_rng(0).standard_normal((200, 2))

    def grid(steps: int) -> np.ndarray:
        return 1 / (1 + np.exp(-np.linspace(level(0.1), level(0.9), steps + 1)))

    exact = by_weights("unipc", x, grid(4096))
    errors = [np.abs(by_weights(method, x, grid(n)) - exact).mean() for n in (64, 128, 256)]
    slopes = np.log2(errors[:-1]) - np.log2(errors[1:])
    assert slopes.min() > order - 0.35


def test_two_steps_are_those_of_the_paper() -> None:
    x, times = np.random.default_rng(1).standard_normal((50, 2)), np.linspace(0, 1, 9)
    assert by_weights("dpmpp_2m", x, times) == pytest.approx(dpm_solver(x, times), abs=1e-12)


def test_adams_bashforth_is_exact_for_lines() -> None:
    h, last = np.array([0.3]), np.array([0.2])
    (now, before) = adams_bashforth(h, last)[0]
    assert now * 5 + before * (5 - 2 * 0.2) == pytest.approx(0.3 * 5 + 2 * 0.3**2 / 2)


@pytest.mark.parametrize("method", METHODS)
def test_lanes_follow_the_weights(method: str) -> None:
    """Each with its own number of steps, all at once."""
    specs = [FlowSpec(4, n, method, steps=5 + n) for n in range(6)]
    for spec, sample in zip(specs, run(model_of(NETWORK), specs), strict=True):
        x = normal((2,), spec.seed, spec.index, Purpose.START).double().numpy()[None]
        expected = by_weights(method, x, np.linspace(0, 1, spec.steps + 1))[0]
        assert sample.data == pytest.approx(expected, abs=2e-5)
        assert sample.evaluations == spec.steps


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("tolerance", [None, 1e-2])
def test_company_changes_no_byte(method: str, tolerance: float | None) -> None:
    model = model_of(NETWORK)
    spec = FlowSpec(5, 0, method, 9, tolerance=tolerance)
    others = [FlowSpec(6, n, ("heun", "ab2", "unipc", "dpmpp_2m")[n % 4], 5 + n) for n in range(9)]
    (alone,) = run(model, [spec])
    among = run(model, [*others[:4], spec, *others[4:]], 4)[4]
    assert alone.data.tobytes() == among.data.tobytes()
    assert alone.map.tobytes() == among.map.tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_history_begins_anew_after_an_operation(method: str) -> None:
    """New noise at a step: the lane goes on as one that starts there, and is replayed so."""
    model, spec = model_of(NETWORK), FlowSpec(7, 2, method, 10, keep="all")
    (whole,) = run(model, [spec])
    step = 4
    renewed = edit(model, whole, step, [Resample(0.5)], watch=(step,))[0]
    with_frame = Branch(spec, step, (Resample(0.5),), whole.frames[step])
    without = Branch(spec, step, (Resample(0.5),))
    found = run(
        model, [FlowSpec(7, 2, method, 10, origin=origin) for origin in (with_frame, without)]
    )
    assert {one.data.tobytes() for one in found} == {renewed.data.tobytes()}
    state, times = renewed.views[0].state.astype(np.float64)[None], np.linspace(0, 1, 11)[step:]
    assert renewed.data == pytest.approx(by_weights(method, state, times)[0], abs=2e-5)
    assert not np.allclose(renewed.data, whole.data, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_tolerance_is_kept_to(method: str) -> None:
    """Tighter ones come closer to the exact end, and take more evaluations."""
    model, errors, spent = model_of(NETWORK), [], []
    exact = run(model, [FlowSpec(8, n, "dopri5", tolerance=1e-6) for n in range(16)])
    for tolerance in (1e-1, 1e-2, 1e-3):
        made = run(model, [FlowSpec(8, n, method, tolerance=tolerance) for n in range(16)])
        pairs = zip(made, exact, strict=True)
        errors.append(np.median([np.abs(a.data - b.data).max() for a, b in pairs]))
        spent.append(np.mean([sample.evaluations for sample in made]))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 5e-3
    assert spent == sorted(spent)


@pytest.mark.parametrize("method", METHODS)
def test_uncertainty_is_integrated_with_the_second_order(method: str) -> None:
    """Sigma = t integrates to a half; the first and the last step are Euler's."""
    still = Scripted(
        lambda x, t, label: torch.zeros_like(x), lambda x, t, label: t[:, None].expand_as(x)
    )
    steps = np.array([10, 20, 40, 80])
    made = run(model_of(still), [FlowSpec(0, 0, method, int(count)) for count in steps])
    errors = np.array([abs(sample.map[0] - 0.5) for sample in made])
    assert (errors < 2 / steps**2).all()


def test_variance_is_no_less_than_nothing() -> None:
    """Its weights are those of the velocities, some of which are below 0."""
    for method in METHODS:
        made = run(model_of(NETWORK), [FlowSpec(9, n, method, 12) for n in range(20)])
        assert min(sample.map.min() for sample in made) > 0
        assert torch.isfinite(torch.tensor([sample.scores["propagated"] for sample in made])).all()
