"""The score of finished samples, against the same by hand and against its expectation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from stubs import model_of

from sureflow.core.draw import Purpose, normal
from sureflow.core.family import cost_of
from sureflow.families.flow.renoise import TIMES
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run
from sureflow.sampling.sampler import Sampler

ONLY = ("residual",)
MIXTURE = GaussianMixture([[1.0, 1.0], [-1.0, 0.5]], [0.4, 0.6], [0.3, 0.2], labels=[0, 1])


def test_it_costs_what_the_catalogue_says() -> None:
    assert SCORES["residual"].after == len(TIMES)


@pytest.mark.parametrize(("label", "guidance"), [(None, 1.0), (1, 1.0), (0, 2.0)])
def test_it_is_that_of_fresh_noise(label: int | None, guidance: float) -> None:
    spec = FlowSpec(3, 4, "heun", 5, label, guidance, scores=ONLY)
    (made,) = run(model_of(MIXTURE), [spec])
    x1, terms = torch.from_numpy(made.data), []
    for draw, t in enumerate(TIMES):
        x0 = normal((2,), 3, 4, Purpose.RENOISE, draw)
        at = ((1 - t) * x0 + t * x1)[None]
        asked = torch.tensor([2 if label is None else label])
        out = MIXTURE.moments(at, torch.tensor([t]), asked)
        terms.append(float((x1 - x0 - out.mean[0]).square().sum() / out.variance.sum()))
    assert made.uncertainty == pytest.approx(np.mean(terms), rel=1e-5)


def test_one_is_as_expected() -> None:
    """Of one Gaussian the variance is the same everywhere, so that the mean is 1 exactly."""
    model = model_of(GaussianMixture([[0.5, -1.0]], [1.0], [0.6]))
    found = [
        made.uncertainty
        for made in run(model, [FlowSpec(8, i, "rk4", 10, scores=ONLY) for i in range(600)], 64)
    ]
    assert abs(np.mean(found) - 1) < 4 * np.std(found) / math.sqrt(len(found))


@pytest.mark.parametrize("parallel", [0, 3])
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_it_comes_after_the_sample_and_changes_nothing(parallel: int, guidance: float) -> None:
    model = model_of(MIXTURE)
    specs = [
        FlowSpec(5, i, "euler", 4 + i, 0, guidance, parallel=parallel, scores=names)
        for i, names in enumerate(
            [ONLY, ("propagated",), ("adherence", "residual")][: 2 if parallel else 3]
        )
    ] + [FlowSpec(5, 9, "heun", label=1, tolerance=0.02, scores=ONLY)]
    for spec, together in zip(specs, run(model, specs, 3), strict=True):
        (alone,) = run(model, [spec], 1)
        assert alone.scores == together.scores
        (plain,) = run(model, [replace(spec, scores=("propagated",))], 1)
        assert together.data.tobytes() == plain.data.tobytes()
        once = "adherence" in spec.scores and guidance == 1
        rows = len(TIMES) * ("residual" in spec.scores) + once
        assert together.evaluations == plain.evaluations + rows


def test_its_rows_are_one_more_tick_in_the_same_slot() -> None:
    spec = FlowSpec(0, 0, "euler", 2, scores=ONLY)
    assert cost_of(spec).peak == 3
    sampler = Sampler(model_of(MIXTURE), 1)
    sampler.admit(7, spec)
    assert [sampler.tick().rows for _ in range(2)] == [1, 1]
    assert (sampler.free, sampler.progress()) == (0, {7: (2, 1.0)})
    last = sampler.tick()
    assert last.rows == 3
    assert [ticket for ticket, _ in last.finished] == [7]
    assert sampler.free == 1
