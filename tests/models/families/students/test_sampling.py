"""Multi-step consistency sampling against the closed form of a Gaussian."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from stubs import Scripted
from torch import Tensor

import sureflow
from sureflow.core.draw import Purpose, normal
from sureflow.core.lane import Sample
from sureflow.families.flow.operations import Inpaint, Resample
from sureflow.families.students.spec import StudentSpec
from sureflow.model import Model
from sureflow.networks.foreign.convention import Convention
from sureflow.recipe import dump, parse
from sureflow.sampling.sample import edit, run

from .conftest import DEVIATION, MEAN, end, student

ALL = ("renoise_spread", "self_consistency", "revision")


def same(one: Sample, other: Sample) -> bool:
    """Whether two samples are one in every bit."""
    return all(
        np.asarray(getattr(one, name)).tobytes() == np.asarray(getattr(other, name)).tobytes()
        for name in ("data", "t", "start", "uncertainty", "accepted", "evaluations")
    )


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_sample_is_what_the_algorithm_says(exact: Model, steps: int) -> None:
    (sample,) = sureflow.sample(exact, 1, 5, steps=steps, scores=("self_consistency",))
    found = end(normal((2,), 5, 0, Purpose.START), 0.0)
    before, moved = found, 0.0
    for step in range(1, steps):
        t = step / steps
        fresh = normal((2,), 5, 0, Purpose.STEP, step)
        found = end((1 - t) * fresh + t * found, t)
        moved += float((found - before).square().sum())
        before = found
    assert np.allclose(sample.data, found.numpy(), atol=1e-5)
    assert (sample.accepted, sample.evaluations) == (steps, steps + 1)
    if steps > 1:
        (sample,) = sureflow.sample(exact, 1, 5, steps=steps, scores=("revision",))
        assert sample.uncertainty == pytest.approx(moved**0.5, rel=1e-4)
        assert sample.evaluations == steps


@pytest.mark.parametrize("steps", [1, 4])
def test_samples_have_the_law_of_the_data(exact: Model, steps: int) -> None:
    count = 4000
    data = np.array([sample.data for sample in sureflow.sample(exact, count, 1, steps=steps)])
    error = DEVIATION.numpy() / np.sqrt(count)
    assert (np.abs(data.mean(0) - MEAN.numpy()) < 4 * error).all()
    assert (np.abs(data.std(0) - DEVIATION.numpy()) < 4 * error / np.sqrt(2)).all()


def test_noise_between_steps_has_as_much_of_the_data_in_it_as_the_path_begins_with() -> None:
    """On a path that begins with data in the noise, of normal data, which it keeps as they are."""
    convention = Convention({"kind": "discrete", "betas": [1e-4] + [0.02] * 100}, "v")
    a, b = convention.coupling
    assert a > 0.3

    def ahead(x: Tensor, t: Tensor) -> Tensor:
        return x / ((t + (1 - t) * a) ** 2 + ((1 - t) * b) ** 2).sqrt()

    def slope(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        return (ahead(x, t[:, None]) - x) / (1 - t[:, None]).clamp(min=1e-3)

    network = Scripted(slope)
    network.convention = convention
    model = student(network)
    (sample,) = sureflow.sample(model, 1, 5, steps=2, scores=("renoise_spread",))
    first, fresh = (normal((2,), 5, 0, *of) for of in ((Purpose.START,), (Purpose.STEP, 1)))
    found = ahead(((a * first + b * fresh) + first) / 2, torch.tensor(0.5))
    assert np.allclose(sample.data, found.numpy(), atol=1e-5)
    again = [normal((2,), 5, 0, Purpose.RENOISE, draw) for draw in range(3)]
    moved = [ahead(((a * found + b * z) + found) / 2, torch.tensor(0.5)) - found for z in again]
    spread = float(torch.stack(moved).square().sum(1).mean().sqrt())
    assert sample.scores["renoise_spread"] == pytest.approx(spread, rel=1e-4)
    data = np.array([each.data for each in sureflow.sample(model, 4000, 1, steps=4)])
    assert (np.abs(data.std(0) - 1) < 4 / np.sqrt(2 * len(data))).all()


def test_scores_are_distances_to_what_the_student_answers(exact: Model) -> None:
    (sample,) = sureflow.sample(exact, 1, 3, steps=2, scores=ALL)
    x1 = torch.from_numpy(sample.data)
    fresh = [normal((2,), 3, 0, Purpose.RENOISE, draw) for draw in range(3)]
    moved = [(end(0.5 * z + 0.5 * x1, 0.5) - x1).square().sum() for z in fresh]
    spread = float(torch.stack(moved).mean().sqrt())
    assert sample.scores["renoise_spread"] == pytest.approx(spread, rel=1e-4)
    first = end(normal((2,), 3, 0, Purpose.START), 0.0)
    last = 0.5 * normal((2,), 3, 0, Purpose.STEP, 1) + 0.5 * first
    halfway = (last + x1) / 2
    own = float((end(halfway, 0.75) - x1).norm())
    assert sample.scores["self_consistency"] == pytest.approx(own, rel=1e-3, abs=1e-6)
    assert sample.evaluations == 2 + 4


def test_a_sample_of_one_step_was_never_revised(exact: Model) -> None:
    with pytest.raises(ValueError, match="scores: revision compares the steps"):
        sureflow.sample(exact, 1, 3, steps=1, scores=("revision",))


def test_samples_do_not_depend_on_their_company(exact: Model) -> None:
    lanes = [
        StudentSpec(2, index, steps=steps, scores=scores)
        for index, (steps, scores) in enumerate(
            [(1, ALL[1:2]), (2, ALL), (4, ALL), (4, ALL[2:]), (2, ALL[:1]), (4, ALL[1:])]
        )
    ]
    for capacity in (6, 2):
        for lane, sample in zip(lanes, run(exact, lanes, capacity), strict=True):
            assert same(run(exact, [lane])[0], sample)


def test_a_frame_goes_on_to_the_same_bytes(exact: Model) -> None:
    (kept,) = sureflow.sample(exact, 1, 7, keep="all", steps=4, scores=ALL)
    (bare,) = sureflow.sample(exact, 1, 7, steps=4, scores=ALL)
    assert same(kept, bare)
    assert len(kept.frames) == 4
    for sample in (kept, bare):
        for step in range(4):
            (again,) = edit(exact, sample, step)
            assert np.array_equal(again.data, kept.data)
            assert again.scores == pytest.approx(kept.scores)
    spec = replace(kept.spec, keep=())
    assert same(run(exact, [parse(dump(spec))])[0], bare)


def test_branches_draw_noise_of_their_own(exact: Model) -> None:
    (sample,) = sureflow.sample(exact, 1, 7, keep="all", steps=4)
    branches = edit(exact, sample, 2, branches=3)
    assert len({branch.data.tobytes() for branch in branches}) == 3


def test_what_is_held_stays_and_the_rest_is_made_anew(exact: Model) -> None:
    (sample,) = sureflow.sample(exact, 1, 7, keep="all", steps=4)
    held = Inpaint(np.array([True, False]), np.array([1.5, 0], np.float32))
    (branch,) = edit(exact, sample, 1, [held])
    assert branch.data[0] == pytest.approx(1.5, abs=1e-5)
    anew = edit(exact, sample, 2, [Resample()], branches=2)
    assert len({each.data.tobytes() for each in anew}) == 2


def test_classes_and_guidance_are_those_of_flows(classes: Model) -> None:
    plain, shifted = (
        sureflow.sample(classes, 1, 4, steps=1, label=label, guidance=guidance)[0]
        for label, guidance in ((1, 1.0), (1, 2.0))
    )
    null = sureflow.sample(classes, 1, 4, steps=1)[0]
    assert np.allclose(plain.data - null.data, 3, atol=1e-5)
    assert np.allclose(shifted.data - null.data, 6, atol=1e-5)
