"""Trajectories that stand still, are taken up again, and are looked at."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sureflow.core.commit import step_at
from sureflow.core.frame import Frame
from sureflow.core.lane import Branch, Sample
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import ADAPTIVE_METHODS, METHODS
from sureflow.sampling.sample import run

PLAIN = tuple(SCORES)
GUIDED = tuple(name for name, meaning in SCORES.items() if not meaning.plain)
EACH = {"euler": 1, "heun": 2, "midpoint": 2, "ab2": 1, "bosh3": 3, "rk4": 4, "dopri5": 6}
EACH |= {"dpmpp_2m": 1, "unipc": 1}


def same(one: Sample, other: Sample) -> bool:
    """Whether two samples are one, down to every bit that the path has left behind."""
    assert one.data.tobytes() == other.data.tobytes()
    assert one.map.tobytes() == other.map.tobytes()
    assert one.t.tobytes() == other.t.tobytes()
    assert one.rate.tobytes() == other.rate.tobytes()
    assert one.start is not None
    assert other.start is not None
    assert one.start.tobytes() == other.start.tobytes()
    assert one.scores.keys() == other.scores.keys()
    for name, score in one.scores.items():
        assert score == other.scores[name] or (np.isnan(score) and np.isnan(other.scores[name]))
    return (one.accepted, one.rejected, one.commit, one.finish_reason, one.tolerance) == (
        other.accepted,
        other.rejected,
        other.commit,
        other.finish_reason,
        other.tolerance,
    )


def branch(parent: FlowSpec, step: int, frame: Frame | None = None, **fields) -> FlowSpec:
    return replace(parent, origin=Branch(parent, step, frame=frame), **fields)


CHEAP = tuple(name for name in PLAIN if name != "divergence")
specs = st.builds(
    FlowSpec,
    seed=st.integers(0, 5),
    index=st.integers(0, 3),
    method=st.sampled_from(METHODS),
    steps=st.integers(1, 8),
    label=st.sampled_from([0, 1]),
    guidance=st.sampled_from([1.0, 2.0]),
    tolerance=st.sampled_from([None, 0.1, 0.01]),
    scores=st.just(CHEAP),
).map(
    lambda spec: replace(
        spec,
        tolerance=spec.tolerance if spec.method in ADAPTIVE_METHODS else None,
        scores=tuple(name for name in CHEAP if spec.guidance == 1 or name in GUIDED),
    )
)


@settings(max_examples=12)
@given(specs, st.data())
def test_a_trajectory_taken_up_again_is_the_same(mixture, spec: FlowSpec, data) -> None:
    """From its frame, from an earlier one and from nothing; among strangers; all its scores."""
    mixture.check(spec)
    (whole,) = run(mixture, [replace(spec, keep="all")])
    assert [frame.step for frame in whole.frames] == list(range(whole.accepted))
    step = data.draw(st.integers(0, whole.accepted - 1))
    earlier = data.draw(st.integers(0, step))
    stored = Frame.parse(whole.frames[step].dump())
    again = [branch(spec, step, frame) for frame in (stored, whole.frames[earlier], None)]
    for child in again:
        mixture.check(child)
    strangers = data.draw(st.lists(specs, max_size=1))
    children = run(mixture, [*again, *strangers], capacity=4)
    for child in children[:3]:
        assert same(child, whole)
        assert child.frames == ()
    assert children[2].evaluations >= children[1].evaluations >= children[0].evaluations


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("method", ["heun", "ab2", "dpmpp_2m", "unipc"])
def test_no_score_forgets_what_it_has_gathered(mixture, name: str, method: str) -> None:
    """Every array that a score has and that differs between lanes is among its state."""
    spec = FlowSpec(3, 1, method, 7, label=1, scores=(name,), keep="all")
    (whole,) = run(mixture, [spec])
    assert np.isfinite(whole.scores[name])
    for step in (2, 6):
        (child,) = run(mixture, [branch(spec, step, whole.frames[step], keep=())])
        assert same(child, whole)
        assert child.evaluations < whole.evaluations


def test_images_too(unet) -> None:
    scores = tuple(name for name in GUIDED if name != "divergence")
    for method, tolerance in (("ab2", None), ("dopri5", 0.1)):
        spec = FlowSpec(0, 1, method, 5, 2, 1.5, tolerance, scores=scores, keep=(0.5,))
        (whole,) = run(unet, [spec])
        (frame,) = whole.frames
        children = [branch(spec, frame.step, kept, keep=()) for kept in (frame, None)]
        assert all(same(child, whole) for child in run(unet, children))


@pytest.mark.parametrize("method", METHODS)
def test_what_is_left_is_what_it_costs(mixture, method: str) -> None:
    """From step 30 of 50, with a frame there, 20 steps; without, 50."""
    spec = FlowSpec(1, 0, method, 50, keep=(0.6,))
    (whole,) = run(mixture, [spec])
    (frame,) = whole.frames
    assert (frame.step, frame.t) == (30, 0.6)
    with_frame, without = run(
        mixture, [branch(spec, 30, frame, keep=()), branch(spec, 30, keep=())]
    )
    assert same(with_frame, whole)
    assert same(without, whole)
    assert with_frame.evaluations == 20 * EACH[method]
    assert without.evaluations == whole.evaluations


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
def test_an_adaptive_lane_costs_what_is_left(mixture, method: str) -> None:
    """A first stage that a step has left for the next is evaluated again at the branch."""
    shared = method in ("bosh3", "dopri5")
    spec = FlowSpec(1, 0, method, tolerance=1e-3, keep="all")
    (whole,) = run(mixture, [spec])
    step = whole.accepted // 2
    rests = [branch(spec, step, frame, keep=()) for frame in whole.frames[: step + 1]]
    costs = []
    for rest in run(mixture, rests):
        assert same(rest, whole)
        costs.append(rest.evaluations)
    assert costs[0] == whole.evaluations + shared
    assert all(np.diff(costs[:-1]) < 0)
    assert costs[-1] <= costs[-2] - 1


def test_what_is_kept(mixture) -> None:
    """The frame of a time is the last one that begins by then; that of the commit is its own."""
    for method, tolerance in (("heun", None), ("heun", 1e-2), ("dopri5", 1e-3)):
        spec = FlowSpec(2, 0, method, 20, tolerance=tolerance)
        (every,) = run(mixture, [replace(spec, keep="all")])
        (times,) = run(mixture, [replace(spec, keep=(0.5, 0.0, 0.51, 1.0))])
        expected = {int(np.flatnonzero(every.t <= t + 1e-6)[-1]) for t in (0, 0.5, 0.51, 1)}
        assert [frame.step for frame in times.frames] == sorted(expected)
        for frame in times.frames:
            other = every.frames[frame.step]
            assert frame.arrays.keys() == other.arrays.keys()
            for name, array in frame.arrays.items():
                assert array.tobytes() == other.arrays[name].tobytes()
        (early,) = run(mixture, [replace(spec, keep="commit", shift=-0.15)])
        step = step_at(early.t, early.commit.t - 0.15)
        assert [frame.step for frame in early.frames] == [step]
        assert early.frames[0].arrays["x"].tobytes() == every.frames[step].arrays["x"].tobytes()
        (commit,) = run(mixture, [replace(spec, keep="commit")])
        assert commit.frames[0].step == commit.commit.step
        assert commit.frames[0].arrays["x"].tobytes() == (
            every.frames[commit.commit.step].arrays["x"].tobytes()
        )


def test_frames_are_compact(mixture) -> None:
    """State, map, the part of the profile that is past; for ab2 the velocity before as well."""
    size, scalars = 8, 256
    for method, arrays in (("heun", 2), ("ab2", 4), ("dopri5", 2)):
        spec = FlowSpec(0, 0, method, 40, keep="all", scores=("propagated",))
        (whole,) = run(mixture, [spec])
        for frame in whole.frames[1:]:
            assert frame.nbytes <= arrays * size + 8 * frame.step + scalars


def test_another_solver_takes_the_rest_of_its_own_grid(mixture) -> None:
    spec = FlowSpec(3, 1, "heun", 10, keep=(0.5,))
    (whole,) = run(mixture, [spec])
    (frame,) = whole.frames
    fine = branch(spec, 5, frame, method="rk4", steps=40, keep=())
    tolerant = branch(spec, 5, frame, method="dopri5", tolerance=1e-6, keep=())
    odd = branch(spec, 5, frame, method="euler", steps=3, keep=())
    (a, b, c) = run(mixture, [fine, tolerant, odd])
    assert a.t.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, *np.arange(20, 40) / 40])
    assert (a.accepted, a.evaluations) == (25, 20 * 4)
    assert c.t.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 2 / 3])
    np.testing.assert_allclose(a.data, b.data, atol=1e-4)
    assert a.rate[:5].tobytes() == whole.rate[:5].tobytes()
    # and what is left of the second is left of its own branch
    grandchild = branch(fine, 12)
    (again,) = run(mixture, [grandchild])
    assert same(again, a)


def test_another_condition_from_there_on(mixture) -> None:
    """Past its commit point a sample of one class is redirected to another; replay agrees."""
    spec = FlowSpec(5, 0, "heun", 20, label=0, keep="all", scores=("adherence", "straightness"))
    (whole,) = run(mixture, [spec])
    changed = [
        branch(spec, 3, frame, label=1, guidance=1.5, keep=()) for frame in (whole.frames[3], None)
    ]
    stored, replayed = run(mixture, changed)
    assert same(stored, replayed)
    assert stored.evaluations == 17 * 4
    assert replayed.evaluations == 17 * 4 + 3 * 2 + 1  # adherence had asked the parent at t = 0.1
    (fresh,) = run(mixture, [replace(spec, label=1, guidance=1.5, keep=())])
    assert stored.data.tobytes() != fresh.data.tobytes()
    assert np.isfinite(stored.scores["adherence"])


def test_a_lane_without_a_parents_score_is_run_from_the_origin(mixture) -> None:
    """A frame that lacks what a score has gathered would give it a wrong value."""
    spec = FlowSpec(5, 0, "heun", 20, keep="all", scores=("propagated",))
    (whole,) = run(mixture, [spec])
    (child,) = run(mixture, [branch(spec, 10, whole.frames[10], keep=(), scores=("straightness",))])
    (direct,) = run(mixture, [replace(spec, keep=(), scores=("straightness",))])
    assert same(child, direct)
    assert child.evaluations == direct.evaluations


def test_a_branch_from_before_its_parents_branch_is_one_of_the_grandparent(mixture) -> None:
    spec = FlowSpec(5, 0, "heun", 20)
    child = branch(spec, 10, label=1)
    (grandchild,) = run(mixture, [branch(child, 4, label=0)])
    (direct,) = run(mixture, [branch(spec, 4, label=0)])
    assert same(grandchild, direct)


def test_a_lane_is_looked_at_and_halted(mixture) -> None:
    for method, tolerance in (("heun", None), ("ab2", None), ("dopri5", 1e-3)):
        spec = FlowSpec(4, 0, method, 12, tolerance=tolerance)
        (whole,) = run(mixture, [replace(spec, keep="all")])
        steps = (0, 2, min(5, whole.accepted - 1))
        (seen,) = run(mixture, [branch(spec, 0, watch=steps, halt=steps[-1])])
        (later,) = run(mixture, [branch(spec, 2, whole.frames[2], watch=steps[1:], halt=steps[-1])])
        assert (seen.finish_reason, seen.accepted, seen.confidence) == ("halted", steps[-1], None)
        assert [view.step for view in seen.views] == list(steps)
        for view, step in zip(seen.views, steps, strict=True):
            assert view.t == pytest.approx(whole.t[step])
            assert view.rate == whole.rate[step]
            assert view.state.tobytes() == whole.frames[step].arrays["x"].tobytes()
            t = np.float32(view.t)
            assert view.map.sum() == pytest.approx((1 - t) ** 2 * view.rate, rel=1e-5)
            assert view.uncertainty == pytest.approx(whole.frames[step].arrays["map"].sum())
        for one, other in zip(seen.views[1:], later.views, strict=True):
            assert one.prediction.tobytes() == other.prediction.tobytes()
            assert one.map.tobytes() == other.map.tobytes()
        assert seen.data.tobytes() == whole.frames[steps[-1]].arrays["x"].tobytes()


def test_a_branch_is_looked_at_from_its_origin_on(mixture) -> None:
    """Before it leaves its parent it is its parent, where it may be halted too."""
    spec = FlowSpec(4, 0, "heun", 8)
    child = replace(spec, label=1, origin=Branch(spec, 3, (Resample(),)))
    (whole,) = run(mixture, [replace(spec, watch=(0, 2))])
    (every,) = run(mixture, [replace(child, watch=tuple(range(8)))])
    assert [view.step for view in every.views] == list(range(8))
    for view, other in zip(whole.views, (every.views[0], every.views[2]), strict=True):
        assert view.state.tobytes() == other.state.tobytes()
    (early,) = run(mixture, [replace(child, watch=(0, 2), halt=2)])
    assert [view.step for view in early.views] == [0, 2]
    assert (early.finish_reason, early.evaluations) == ("halted", 5)
    (late,) = run(mixture, [replace(child, watch=(2, 3), halt=3)])
    assert [view.state.tobytes() for view in late.views] == [
        view.state.tobytes() for view in every.views[2:4]
    ]


def test_an_abandoned_or_parallel_parent(mixture) -> None:
    with pytest.raises(ValueError, match=r"^parent: .*parallel"):
        mixture.check(branch(FlowSpec(0, 0, "euler", parallel=4), 3, parallel=0))
    with pytest.raises(ValueError, match=r"^parallel: "):
        mixture.check(FlowSpec(0, 0, "euler", parallel=4, keep="all"))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (FlowSpec(0, 0, keep="some"), "keep: "),
        (FlowSpec(0, 0, keep=(0.5, 1.5)), "keep: "),
        (FlowSpec(0, 0, watch=(3, 1)), "watch: "),
        (FlowSpec(0, 0, halt=-1), "halt: "),
        (branch(FlowSpec(0, 0), 20), "step: 20 is not in 0 .. 19"),
        (branch(FlowSpec(0, 0), -1), "step: "),
        (branch(FlowSpec(0, 0, "none"), 1, method="heun"), "parent: method: "),
        (branch(FlowSpec(0, 0, steps=1000), 900, steps=200), "steps: "),
        (branch(FlowSpec(0, 0), 3, Frame(4, 0.2, {})), "frame: taken at step 4"),
        (branch(FlowSpec(0, 0), 3, Frame(3, 0.2, {})), "frame: step missing"),
        (
            branch(FlowSpec(0, 0, label=1, guidance=2.0), 3, guidance=1.0, scores=("likelihood",)),
            "scores: likelihood",
        ),
    ],
)
def test_what_cannot_be_is_refused(mixture, spec: FlowSpec, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        mixture.check(spec)


def test_lineages_have_an_end(mixture) -> None:
    spec = FlowSpec(0, 0)
    for _ in range(65):
        spec = branch(spec, 3)
    with pytest.raises(ValueError, match=r"^parent: more than 64"):
        mixture.check(spec)


def test_a_frame_that_does_not_fit(mixture) -> None:
    """One of another step is refused; one whose scores have another shape spares nothing."""
    spec = FlowSpec(0, 0, steps=6, keep="all", scores=("straightness",))
    (whole,) = run(mixture, [spec])
    good = whole.frames[3]
    with pytest.raises(ValueError, match=r"^frame: step missing or of another"):
        mixture.check(branch(spec, 3, Frame(2, good.t, {**good.arrays, **_profile(2)}), keep=()))
    odd = Frame(3, good.t, {**good.arrays, "score.straightness.squares": np.zeros(3, np.float32)})
    (child,) = run(mixture, [branch(spec, 3, odd, keep=())])
    assert same(child, whole)
    assert child.evaluations == whole.evaluations


def _profile(steps: int) -> dict[str, np.ndarray]:
    return dict.fromkeys(("times", "rates"), np.zeros(steps, np.float32))
