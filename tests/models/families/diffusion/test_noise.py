"""The noise between the steps belongs to its lane, and to nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gaussian import DEVIATION, MEAN, exact

import sureflow
from sureflow.core.draw import Purpose, normal
from sureflow.core.lane import Sample
from sureflow.families.diffusion.grid import times
from sureflow.families.diffusion.spec import DiffusionSpec
from sureflow.families.flow.operations import Inpaint, Resample
from sureflow.model import Model
from sureflow.recipe import dump, parse
from sureflow.sampling.sample import edit, run

NOISY: dict[str, dict[str, Any]] = {
    "eta": {"method": "euler", "steps": 8, "eta": 1.0},
    "heun eta": {"method": "heun", "steps": 8, "eta": 0.5, "grid": "karras"},
    "churn": {"method": "heun", "steps": 8, "churn": 4.0},
    "both": {"method": "euler", "steps": 8, "eta": 0.5, "churn": 4.0, "grid": "logsnr"},
}


@pytest.fixture(scope="module")
def model() -> Model:
    return exact("edm", "edm", 4)


def same(one: Sample, other: Sample) -> bool:
    """Whether two samples are one in every bit."""
    return all(
        np.asarray(getattr(one, name)).tobytes() == np.asarray(getattr(other, name)).tobytes()
        for name in ("data", "t", "start", "uncertainty", "accepted")
    )


@pytest.mark.parametrize("name", NOISY)
def test_noise_is_of_the_seed_and_the_index(model: Model, name: str) -> None:
    first, second = sureflow.sample(model, 2, 5, **NOISY[name])
    again = sureflow.sample(model, 2, 5, **NOISY[name])
    assert same(first, again[0])
    assert same(second, again[1])
    assert not np.array_equal(first.data, second.data)
    plain = {**NOISY[name], "eta": 0.0, "churn": 0.0}
    (quiet,) = sureflow.sample(model, 1, 5, **plain)
    assert np.array_equal(quiet.start, first.start)
    assert not np.allclose(quiet.data, first.data, atol=1e-3)
    # From the same start, what is left is the noise between the steps.
    runs = [
        run(model, [DiffusionSpec(seed, 0, **NOISY[name])])[0].data
        - run(model, [DiffusionSpec(seed, 0, **plain)])[0].data
        for seed in (5, 6)
    ]
    assert not np.allclose(*runs, atol=1e-3)


def test_samples_do_not_depend_on_their_company(model: Model) -> None:
    specs = [
        DiffusionSpec(seed, index, **options)
        for index, (seed, options) in enumerate(
            [
                *((1, options) for options in NOISY.values()),
                (1, {"method": "euler", "steps": 5}),
                (2, {"method": "dopri5", "tolerance": 1e-2}),
                (2, {"method": "ab2", "steps": 7, "grid": "uniform"}),
                (3, {"method": "euler", "steps": 1, "eta": 1.0, "churn": 9.0}),
            ]
        )
    ]
    together = run(model, specs)
    for spec, sample in zip(specs, together, strict=True):
        assert same(run(model, [spec])[0], sample)
    for sample, other in zip(run(model, specs, capacity=3), together, strict=True):
        assert same(sample, other)


@pytest.mark.parametrize("name", NOISY)
def test_a_frame_goes_on_to_the_same_bytes(model: Model, name: str) -> None:
    (kept,) = sureflow.sample(model, 1, 7, keep=(0.0, 0.05, 0.2, 0.9), **NOISY[name])
    (bare,) = sureflow.sample(model, 1, 7, **NOISY[name])
    assert same(kept, bare)
    assert len(kept.frames) > 2
    for sample in (kept, bare):
        for step in range(8):
            assert same(edit(model, sample, step)[0], bare), step
        assert same(edit(model, sample)[0], bare)
    (once,) = edit(model, kept, 5)
    assert same(edit(model, once, 2)[0], bare)


@pytest.mark.parametrize("name", NOISY)
def test_branches_differ_from_where_they_begin(model: Model, name: str) -> None:
    (sample,) = sureflow.sample(model, 1, 7, keep=(0.0,), **NOISY[name])
    first, second, third = edit(model, sample, 3, branches=3)
    assert same(first, sample)
    assert not np.array_equal(second.data, first.data)
    assert not np.array_equal(second.data, third.data)
    assert np.array_equal(second.start, sample.start)
    resampled = edit(model, sample, 3, [Resample(0.5)], branches=2)
    assert not np.array_equal(resampled[0].data, sample.data)
    assert not np.array_equal(resampled[0].data, resampled[1].data)


def test_the_rest_can_be_run_otherwise(model: Model) -> None:
    """Noise begins, or ends, where the lane branches."""
    (quiet,) = sureflow.sample(model, 1, 7, method="euler", steps=8)
    (loud,) = edit(model, quiet, 4, eta=1.0)
    assert loud.accepted == 8
    assert np.array_equal(loud.t[:5], quiet.t[:5])
    assert not np.array_equal(loud.data, quiet.data)
    (back,) = edit(model, loud, 4, eta=0.0)
    assert np.array_equal(back.data, quiet.data)


@pytest.mark.parametrize("name", NOISY)
def test_a_known_part_stays_known(model: Model, name: str) -> None:
    (sample,) = sureflow.sample(model, 1, 7, **NOISY[name])
    mask, known = np.array([True, False, True, False]), np.arange(4, dtype=np.float32)
    for inner in (1, 3):
        (painted,) = edit(model, sample, 2, [Inpaint(mask, known, inner)])
        np.testing.assert_array_equal(painted.data[mask], known[mask])
        assert np.isfinite(painted.data).all()


@pytest.mark.parametrize("name", NOISY)
def test_recipes_come_back(model: Model, name: str) -> None:
    (sample,) = sureflow.sample(model, 1, 7, keep=(0.5,), **NOISY[name])
    (child,) = edit(model, sample, 3, [Resample(0.5)], seed=9)
    for each in (sample, child):
        found = parse(dump(each.spec))
        assert isinstance(found, DiffusionSpec)
        assert (found.eta, found.churn) == (each.spec.eta, each.spec.churn)
        assert same(run(model, [replace(found, keep=())])[0], each)


def test_churn_is_algorithm_2_of_karras() -> None:
    """The same by hand, on ``x = x1 + sigma x0`` and with the same noise."""
    model, steps, churn = exact("ve", "data", 6), 40, 2.0
    (sample,) = sureflow.sample(model, 1, 3, method="euler", steps=steps, churn=churn)
    sigmas = np.append(np.linspace(80 ** (1 / 7), 0.002 ** (1 / 7), steps) ** 7, 0)
    mean, spread = np.array(MEAN * 3), np.array(DEVIATION * 3)
    x = 80 * normal((6,), 3, 0, Purpose.START).double().numpy()
    for i in range(steps):
        now = sigmas[i]
        if i:
            now = now * (1 + min(churn / steps, 2**0.5 - 1))
            fresh = normal((6,), 3, 0, Purpose.STEP, 2 * i + 1).double().numpy()
            x = x + (now**2 - sigmas[i] ** 2) ** 0.5 * fresh
        data = mean + spread**2 / (spread**2 + now**2) * (x - mean)
        x = x + (sigmas[i + 1] - now) * (x - data) / now
    np.testing.assert_allclose(sample.data, x, rtol=0, atol=1e-4)


def test_lanes_with_noise_go_forward(model: Model) -> None:
    """However much is churned, and however close the steps are."""
    for churn in (0.5, 40.0, 1000.0):
        (sample,) = sureflow.sample(model, 1, 3, method="euler", steps=60, churn=churn)
        assert sample.accepted == 60
        assert (np.diff(sample.t) > 0).all()
        assert sample.finish_reason == "converged"
        grid = times(model.network.convention, "native", 60)
        assert (sample.t[1:] <= grid[1:-1]).all()
