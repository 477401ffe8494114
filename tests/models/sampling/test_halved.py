"""Samples of a request that are compared on the way, by exact counts of evaluations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from stubs import Open, Scripted, model_of

from sureflow.core.halving import halve
from sureflow.core.lane import Sample
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.halved import run_halved
from sureflow.sampling.sample import run

MIXTURE: dict[str, Any] = {
    "means": [[2.0, 2.0], [-2.0, 1.0], [0.0, -2.5]],
    "weights": [0.5, 0.3, 0.2],
    "covariances": [0.3, 0.2, 0.4],
    "labels": [0, 1, 1],
}
MODEL = model_of(GaussianMixture(**MIXTURE))
PROBED = model_of(Open(**MIXTURE))


def lanes(count: int = 20, seed: int = 3, **fields: Any) -> list[FlowSpec]:
    return [FlowSpec(seed, index, label=1, **fields) for index in range(count)]


def told(sample: Sample) -> tuple[Any, ...]:
    """All of a sample that an answer tells."""
    arrays = (sample.data, sample.t, sample.rate, sample.map)
    frames = [(frame.step, sorted(frame.arrays)) for frame in sample.frames]
    counts = sample.finish_reason, sample.evaluations, sample.accepted
    scores = repr(sample.scores)  # in which no number differs from itself
    return *counts, scores, sample.rung, frames, *(array.tobytes() for array in arrays)


def test_twenty_lanes_for_four_cost_less_than_half() -> None:
    specs = lanes(scores=("propagated",))
    (made,) = run_halved(MODEL, [specs], halve(20, 4))
    by_time = {t: [s for s in made if s.abandoned_at == t] for t in (0.2, 0.4, 0.6)}
    assert [len(found) for found in by_time.values()] == [10, 5, 1]
    assert [found[0].evaluations for found in by_time.values()] == [8, 16, 24]
    finished = [sample for sample in made if sample.finish_reason == "converged"]
    assert [sample.evaluations for sample in finished] == [40] * 4
    assert sum(sample.evaluations for sample in made) == 80 + 80 + 24 + 160 == 0.43 * 800


def test_those_that_are_dropped_are_the_least_sure_there() -> None:
    """The integral so far is that of a lane that is halted at the rung."""
    specs = lanes(scores=("propagated",))
    (made,) = run_halved(MODEL, [specs], halve(20, 4))
    whole = run(MODEL, specs)
    steps = {0.2: 4, 0.4: 8, 0.6: 12}
    alive = [*range(20)]
    for t, step in steps.items():
        so_far = {
            index: float(np.sum(halted.map.astype(np.float64)))
            for index, halted in zip(
                alive, run(MODEL, [replace(specs[i], halt=step) for i in alive]), strict=True
            )
        }
        dropped = [i for i in alive if made[i].abandoned_at == t]
        alive = [i for i in alive if i not in dropped]
        assert min(so_far[i] for i in dropped) >= max(so_far[i] for i in alive)
        for index in dropped:
            rung = made[index].rung
            assert rung is not None
            assert rung.value == pytest.approx(so_far[index])
            assert rung.rank == 1 + sorted(so_far.values()).index(so_far[index])
    for index in alive:
        assert told(made[index]) == told(whole[index])


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("heun", {}),
        ("heun", {"keep": "all", "watch": (1, 7)}),
        ("heun", {"guidance": 2.0, "keep": (0.3, 0.7)}),
        ("heun", {"scores": ("adherence_contrast", "straightness", "likelihood")}),
        ("heun", {"scores": ("residual", "path_residual")}),
        ("euler", {"scores": ("probe", "divergence")}),
        ("midpoint", {"steps": 5}),
        ("rk4", {"steps": 4}),
        ("ab2", {}),
        ("bosh3", {"steps": 7}),
    ],
)
def test_neither_slots_nor_company_change_anything(method: str, fields: dict[str, Any]) -> None:
    cohorts = [lanes(9, seed, method=method, **fields) for seed in (1, 2)]
    halving = halve(9, 2)
    cramped, roomy = (run_halved(PROBED, cohorts, halving, capacity) for capacity in (2, 32))
    (alone,) = run_halved(PROBED, cohorts[1:], halving, capacity=3)
    assert [[told(s) for s in made] for made in cramped] == [[told(s) for s in m] for m in roomy]
    assert [told(sample) for sample in alone] == [told(sample) for sample in roomy[1]]
    whole = run(PROBED, cohorts[0])
    finished = [i for i, s in enumerate(roomy[0]) if s.finish_reason == "converged"]
    assert 2 <= len(finished) <= 9
    for index in finished:
        assert told(roomy[0][index]) == told(whole[index])
        assert len(roomy[0][index].views) == len(fields.get("watch", ()))


def test_a_coarse_grid_compares_at_its_own_times() -> None:
    (made,) = run_halved(MODEL, [lanes(20, steps=2, scores=("propagated",))], halve(20, 2))
    assert sorted(s.abandoned_at or 1.0 for s in made) == [0.5] * 15 + [1.0] * 5
    assert {s.evaluations for s in made if s.abandoned_at} == {2}


def test_a_lane_that_diverges_leaves_its_place_to_another() -> None:
    def velocity(x: torch.Tensor, t: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        lost = (x[:, :1] > 0.5) & (t[:, None] > 0.1)
        return torch.where(lost, torch.inf, torch.zeros_like(x))

    model = model_of(Scripted(velocity, lambda x, t, label: x.square() + 0.1))
    specs = [FlowSpec(0, index, scores=("propagated",)) for index in range(20)]
    (made,) = run_halved(model, [specs], halve(20, 8))
    diverged = [sample for sample in made if sample.finish_reason == "diverged"]
    assert 2 <= len(diverged) <= 12
    assert sum(sample.finish_reason == "converged" for sample in made) == 8
