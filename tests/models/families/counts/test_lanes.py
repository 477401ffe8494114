"""Lanes of counts: alone or in company, replayed, edited, scored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sureflow.core.lane import Branch, Sample
from sureflow.families.counts.moves import deviance
from sureflow.families.counts.operations import Hold, Resample
from sureflow.families.counts.scores.catalogue import SCORES
from sureflow.families.counts.spec import METHODS, CountSpec
from sureflow.model import Model
from sureflow.sampling.sample import run

ALL: dict[str, Any] = {"scores": (*SCORES,), "keep": "all"}


def alike(one: Sample, other: Sample) -> bool:
    """Whether two samples have the same bytes."""
    same = one.data.tobytes() == other.data.tobytes() and one.map.tobytes() == other.map.tobytes()
    return same and repr(one.scores) == repr(other.scores)


@pytest.mark.parametrize("method", METHODS)
def test_company_does_not_matter(cells: Model, method: str) -> None:
    specs = [CountSpec(5, i, method, 4 + i, i % 2, 1 + i % 3, **ALL) for i in range(9)]
    for made in run(cells, specs, 4):
        (alone,) = run(cells, [made.spec])
        assert alike(alone, made)
        assert made.evaluations == made.spec.steps * (2 if made.spec.guided else 1)
        assert (made.data == np.round(made.data)).all()
        assert made.data.min() >= 0


@pytest.mark.parametrize("with_frame", [True, False])
def test_a_branch_without_operations_is_its_parent(cells: Model, with_frame: bool) -> None:
    (parent,) = run(cells, [CountSpec(5, 0, "tau", 9, 1, **ALL)])
    frame = parent.frames[4] if with_frame else None
    child = replace(parent.spec, origin=Branch(parent.spec, 4, (), frame))
    (made,) = run(cells, [child])
    assert alike(made, parent)


def test_held_components_end_where_they_are_held(cells: Model) -> None:
    mask, known = np.array([True, False, False, True]), np.array([7, 0, 0, 2], np.float32)
    parent = CountSpec(5, 0, "bridge", 12, 1, scores=("churn",))
    for method in METHODS:
        spec = replace(
            parent, method=method, index=3, origin=Branch(parent, 6, (Hold(mask, known),))
        )
        (made,) = run(cells, [spec])
        assert made.data[mask].tolist() == [7, 2]
    (whole,) = run(cells, [parent])
    assert whole.scores["churn"] >= 0


def test_what_is_drawn_anew_is_the_region_and_what_comes_after(cells: Model) -> None:
    parent = CountSpec(5, 0, "bridge", 12, 1)
    (whole,) = run(cells, [parent])
    late = Branch(parent, 11, (Resample(1.0, np.array([True, False, False, False])),))
    others = [run(cells, [replace(parent, index=i, origin=late)])[0] for i in range(1, 30)]
    assert len({tuple(other.data) for other in others}) > 1
    rest = np.array([other.data[1:] - whole.data[1:] for other in others])
    assert np.abs(rest).mean() < 1, "hardly anything moves in the last step"


def test_scores_of_known_paths(peaks: Model) -> None:
    """The deviance is what it says, and a bridge to a certain end takes nothing back."""
    (made,) = run(
        peaks, [CountSpec(2, 0, "bridge", 6, scores=(*SCORES,), watch=(0, 1, 2, 3, 4, 5))]
    )
    means = np.array([view.prediction for view in made.views], np.float64)
    x = float(made.data[0])
    own = x * np.log(x) if x else 0.0
    expected = np.mean([2 * (own - x * np.log(m) - x + m) for m in means[:, 0]])
    assert made.scores["deviance"] == pytest.approx(expected, rel=1e-5)
    assert float(
        deviance(np.array([3.0]), np.array([3.0]), np.log([3.0]), 1.0)[0]
    ) == pytest.approx(0)
    rates = np.array([view.rate for view in made.views])
    assert made.scores["ambiguity"] == pytest.approx(rates.mean(), rel=1e-5)
    assert made.scores["entropy"] == pytest.approx(float(made.map.sum()), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "heun"}, "method"),
        ({"steps": 0}, "steps"),
        ({"label": 2}, "label: cells has no class 2"),
        ({"label": None, "guidance": 2.0}, "guidance: a scale other than 1 needs a label"),
        ({"condition": {"y": np.zeros(1, np.float32)}}, "condition: cells takes no y"),
        ({"scores": ("likelihood",)}, "scores"),
    ],
)
def test_what_cannot_be_made_is_refused(cells: Model, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cells.check(replace(CountSpec(0, 0, label=1), **change))


@pytest.mark.parametrize(
    "known", [np.array([-1, 0, 0, 0]), np.array([0.5, 0, 0, 0]), np.array([99, 0, 0, 0])]
)
def test_what_is_no_count_cannot_be_held(cells: Model, known: Any) -> None:
    hold = Hold(np.array([True, False, False, False]), known.astype(np.float32))
    with pytest.raises(ValueError, match=r"operations\.0\.known"):
        cells.check(CountSpec(0, 0, origin=Branch(CountSpec(0, 0), 1, (hold,))))
