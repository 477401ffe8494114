"""How the benchmark takes samples up again, and how it shows what came of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.rewind.images import PLACES, Place, _best, fragment
from sureflow.checkpoint import load
from sureflow.core.commit import commit_points
from sureflow.core.lane import Sample
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.sample import run


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return run(load("ring"), [FlowSpec(4, index, "heun", 20) for index in range(8)])


def test_places_are_those_of_the_commit_points(samples: list[Sample]) -> None:
    grid = np.arange(20) / 20
    for sample in samples:
        assert PLACES[0].step(sample) == sample.commit.step
        assert grid[PLACES[1].step(sample)] <= sample.commit.t - 0.1 + 1e-6
        points = commit_points(sample.t, sample.rate)
        assert PLACES[2].step(sample) == points[min(2, len(points)) - 1].step
        assert Place(9, 0.0, "the last").step(sample) == points[-1].step


def test_the_surest_is_kept_and_the_sample_itself_competes(samples: list[Sample]) -> None:
    sure = [replace(sample, confidence=0.1 * n) for n, sample in enumerate(samples)]
    doubtful, others = [sure[2], sure[7]], [sure[0], sure[3], None, sure[1], *sure[3:7]]
    assert _best(doubtful, others) == [sure[3], sure[7]]


def test_every_figure_is_shown() -> None:
    figures = {
        "digits: samples": 500,
        "digits: score": "adherence",
        "digits: what is bad": "misread",
        "digits: doubtful, kept: evaluations each": 0.0,
        "digits: doubtful, kept: bad": 12.5,
        "digits: doubtful, kept: bad, of all": 3.25,
        "digits: doubtful, kept: samples, of all": 500,
        "digits: another class, guidance 3, from the commit point: reached": 81.5,
        "digits: another class, guidance 3, from the commit point: distance": 0.625,
        "digits: inversion error, held out, median": 0.00123,
        "fashion: samples": 1,
    }
    page = fragment(figures, "digits")
    assert "| kept | 0 | 12.5 % | 3.25 % | 500 |" in page
    assert "| guidance 3, from the commit point | 81.5 % | 0.625 |" in page
    assert "* inversion error, held out, median: 0.00123" in page
    assert "what is misread" in page
    assert "`adherence`" in page
