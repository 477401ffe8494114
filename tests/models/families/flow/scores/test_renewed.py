"""Scores of a path whose noise was drawn anew on the way, against the sums that they stand for."""

from __future__ import annotations

import pytest

from sureflow.core.lane import Branch
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.sample import run

STEPS = 10
SCORES = ("straightness", "path_residual", "pooled_residual")


def summed(parent, child, step):
    """Mean over Euler's steps of what each score makes of ``u - v`` and the variances there.

    Early velocities are judged by the old noise, later ones by the new one; both by the new end.
    """
    before = parent.views[step].state
    jump = child.views[step].state - before
    noise = parent.views[0].state
    renewed = noise + jump / (1 - step / STEPS)
    sums = dict.fromkeys(SCORES, 0.0)
    for number in range(STEPS):
        view = (parent if number < step else child).views[number]
        left = 1 - view.t
        velocity, variance = (view.prediction - view.state) / left, view.map / left**2
        square = (child.data - (noise if number < step else renewed) - velocity) ** 2
        sums["straightness"] += square.sum() / STEPS
        sums["path_residual"] += (square / variance).mean() / STEPS
        sums["pooled_residual"] += square.sum() / variance.sum() / STEPS
    return sums


@pytest.mark.parametrize("step", [2, 6, 9])
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_early_velocities_are_judged_by_where_they_pointed(mixture, step, strength) -> None:
    watch = tuple(range(STEPS))
    spec = FlowSpec(3, 1, "euler", STEPS, label=0, scores=SCORES, watch=watch, keep="all")
    (parent,) = run(mixture, [spec])
    plain = FlowSpec(3, 1, "euler", STEPS, label=0, scores=SCORES)
    for frame in (None, parent.frames[step]):
        origin = Branch(plain, step, (Resample(strength),), frame)
        (child,) = run(mixture, [FlowSpec(4, 0, "euler", STEPS, 0, scores=SCORES, origin=origin)])
        (seen,) = run(
            mixture,
            [FlowSpec(4, 0, "euler", STEPS, 0, scores=SCORES, origin=origin, watch=watch[step:])],
        )
        views = {view.step: view for view in seen.views}
        expected = summed(parent, _Seen(child.data, views), step)
        for name in SCORES:
            assert child.scores[name] == pytest.approx(expected[name], rel=2e-3, abs=1e-4), name


class _Seen:
    def __init__(self, data, views) -> None:
        self.data, self.views = data, views
