import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import Scripted, drive, model_of

from sureflow.core.draw import Purpose, normal
from sureflow.families.flow.adaptive import Adaptive
from sureflow.families.flow.control import ByLane
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.solver import Solver
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import ADAPTIVE_METHODS, EVALUATIONS, TABLEAUS
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run

STAGES = {"heun": 2, "midpoint": 2, "bosh3": 3, "dopri5": 6}


def still(x, t, label):
    return torch.zeros_like(x)


def bend(x, t, label):
    """Turns quickly around t = 0.3, and less at other times."""
    return 3 * torch.cos(8 * x) * torch.exp(-((t[:, None] - 0.3) ** 2) / 0.03)


def adaptive(method: str, tolerance: float, **fields) -> FlowSpec:
    return FlowSpec(5, 0, method, tolerance=tolerance, **fields)


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
@pytest.mark.parametrize("tolerance", [0.5, 1e-5])
@pytest.mark.parametrize("fewest", [1, 3, 4, 7])
def test_straight_lines_take_the_longest_steps(method: str, fewest: int, tolerance: float) -> None:
    if TABLEAUS[method].exponential:  # what it remembers of data is rounded, by 1e-7
        tolerance = max(tolerance, 1e-3)
    net = Scripted(lambda x, t, label: torch.ones_like(x), still)
    (sample,) = run(model_of(net), [adaptive(method, tolerance, min_steps=fewest)])
    assert (sample.accepted, sample.rejected) == (fewest, 0)
    assert sample.t.tolist() == pytest.approx([step / fewest for step in range(fewest)])
    stages = EVALUATIONS[method]
    first = TABLEAUS[method].multistep or (method in ("bosh3", "dopri5") and fewest == 1)
    assert sample.evaluations == stages * fewest + first
    assert sample.data == pytest.approx(normal((2,), 5, 0, Purpose.START).numpy() + 1, abs=1e-6)


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
def test_gaussian_data_ends_at_noise_times_scale(method: str) -> None:
    """The exact flow to N(0, s^2) takes x0 to s x0; tighter tolerances come closer."""
    network = GaussianMixture(means=[[0.0, 0.0]], weights=[1.0], covariances=[0.3])
    exact = 0.3 * normal((2,), 5, 0, Purpose.START).numpy()
    errors = []
    for tolerance in (1e-2, 1e-3, 1e-4):
        (sample,) = run(model_of(network), [adaptive(method, tolerance)])
        assert sample.finish_reason == "converged"
        errors.append(float(np.abs(sample.data - exact).max()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
def test_evaluations_are_those_of_the_stages_that_are_new(method: str) -> None:
    """A rejected step keeps its first stage; where the last stage is the next first one it is
    evaluated once, and not at all in a last step that needs no estimate of its error;
    a multistep method costs one per step and rejects its first steps alone."""
    lanes = driven(Adaptive(), Scripted(bend, still), adaptive(method, 1e-4, min_steps=2))
    taken, refused, spent = (int(a[0]) for a in (lanes.step, lanes.rejected, lanes.evaluations))
    assert refused > 0
    if TABLEAUS[method].multistep:
        assert spent == taken + 1 + refused
    elif method in ("bosh3", "dopri5"):
        assert spent == 1 + STAGES[method] * (taken + refused) - lanes.unchecked[0]
    else:
        assert spent == 2 * taken + refused


def driven(control: Adaptive, network: Scripted, spec: FlowSpec) -> FlowLanes:
    lanes = FlowLanes(1, (2,), torch.device("cpu"))
    solver = Solver(lanes, ByLane(adaptive=control))
    solver.admit(0, spec)
    drive(solver, network, 1)
    return lanes


@pytest.mark.parametrize(
    ("method", "t", "step", "error", "trusted"),
    [
        ("bosh3", 0.75, 3, 0.4, True),
        ("bosh3", 0.75, 3, 0.6, False),
        ("bosh3", 0.5, 2, 0.4, False),
        ("bosh3", 0.75, 0, 0.4, False),
        ("heun", 0.75, 3, 0.4, False),
    ],
)
def test_a_last_step_is_trusted_where_its_error_is_foretold_to_be_small(
    method, t, step, error, trusted
) -> None:
    lanes = FlowLanes(1, (2,), torch.device("cpu"))
    lanes.admit(0, adaptive(method, 1e-2))
    lanes.t[0], lanes.step[0], lanes.last_error[0] = t, step, error
    lanes.last_h[0] = lanes.proposal[0] = 0.25
    Adaptive().begin(lanes, np.array([0]), np.zeros(1))
    assert lanes.h[0] == 0.25
    assert lanes.unchecked[0] == trusted


class Recorded(Adaptive):
    """Notes the size of every step that is kept."""

    def advance(self, lanes, slots):
        SIZES.append(float(lanes.h[0]))
        return super().advance(lanes, slots)


class Replay(Adaptive):
    """Takes the noted steps and rejects none."""

    def begin(self, lanes, slots, spread):
        lanes.h[0] = SIZES[lanes.step[0]]

    def accept(self, lanes, slots, error):
        return np.ones(1, bool)


SIZES: list[float] = []


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
def test_a_rejected_step_leaves_no_trace(method: str) -> None:
    """Taking the kept steps alone gives the same bytes: state, map, times and rates."""
    net = Scripted(bend, lambda x, t, label: bend(x, t, label).square())
    SIZES.clear()

    spec = adaptive(method, 1e-4, min_steps=2)
    tried, replayed = driven(Recorded(theta=np.inf), net, spec), driven(Replay(), net, spec)
    assert tried.rejected[0] > 0
    assert replayed.rejected[0] == 0
    assert tried.step[0] == replayed.step[0] == len(SIZES)
    assert tried.evaluations[0] > replayed.evaluations[0]
    for name in ("x", "map"):
        assert torch.equal(getattr(tried, name), getattr(replayed, name))
    for name in ("times", "rates"):
        assert np.array_equal(getattr(tried, name), getattr(replayed, name))


@settings(max_examples=30)
@given(
    method=st.sampled_from(ADAPTIVE_METHODS),
    tolerance=st.floats(1e-5, 1),
    fewest=st.integers(1, 20),
    more=st.integers(0, 100),
    seed=st.integers(0, 100),
)
def test_time_runs_forward_and_ends_at_one(method, tolerance, fewest, more, seed) -> None:
    lanes = FlowLanes(3, (2,), torch.device("cpu"))
    solver = Solver(lanes)
    most = fewest + more
    for slot in range(3):
        spec = FlowSpec(seed, slot, method, tolerance=tolerance, min_steps=fewest, max_steps=most)
        solver.admit(slot, spec)
    drive(solver, Scripted(bend), 3)
    assert lanes.t.tolist() == [1.0] * 3
    for slot in range(3):
        steps = int(lanes.step[slot])
        times = np.append(lanes.times[slot, :steps], np.float32(1))
        assert times[0] == 0
        assert (np.diff(times) > 0).all()
        assert steps + lanes.rejected[slot] <= most
        if not lanes.forced[slot]:
            assert steps >= fewest
            assert np.diff(times).max() <= 1 / fewest + 1e-6


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
def test_the_last_step_allowed_goes_to_the_end_and_says_so(method: str) -> None:
    net = Scripted(bend)
    short, long = run(
        model_of(net),
        [
            adaptive(method, 1e-3, min_steps=1, max_steps=6),
            adaptive(method, 1e-3, min_steps=1, max_steps=900),
        ],
    )
    assert short.finish_reason == "max_steps"
    assert short.accepted + short.rejected == 6
    assert np.isfinite(short.data).all()
    assert long.finish_reason == "converged"
    (one,) = run(model_of(net), [adaptive(method, 1e-3, min_steps=1, max_steps=1)])
    assert (one.accepted, one.rejected, one.finish_reason) == (1, 0, "max_steps")


def test_steps_are_short_where_the_variance_is_high() -> None:
    """A straight field: its error is zero everywhere, and its variance alone shortens steps."""

    def spike(x, t, label):
        return torch.where((t > 0.4) & (t < 0.6), 20.0, 0.0)[:, None].expand_as(x)

    net = Scripted(still, spike)
    (sample,) = run(model_of(net), [adaptive("heun", 1e-2, min_steps=10)])
    h = np.diff(np.append(sample.t, 1))
    inside = (sample.t > 0.4) & (sample.t < 0.6)
    assert sample.rejected == 0
    control = Adaptive()
    assert h[inside].max() <= control.theta * 0.1 / (control.assumed + 20) + 1e-6
    assert h[~inside].min() > 2 * h[inside].max()
    lanes = FlowLanes(1, (2,), torch.device("cpu"))
    solver = Solver(lanes, ByLane(adaptive=Adaptive(theta=np.inf)))
    solver.admit(0, adaptive("heun", 1e-2, min_steps=10))
    drive(solver, net, 1)
    assert lanes.step[0] == 10


def test_guidance_does_not_count_as_variance() -> None:
    """The two branches' variance grows with the scale; the step sizes stay those of one."""
    net = Scripted(lambda x, t, label: torch.ones_like(x), classes=1)
    counts = {
        run(model_of(net), [adaptive("heun", 1e-2, label=0, guidance=g)])[0].accepted
        for g in (1.0, 2.0, 7.5)
    }
    assert len(counts) == 1


lanes_of_all_kinds = st.builds(
    FlowSpec,
    seed=st.integers(0, 5),
    index=st.integers(0, 3),
    method=st.sampled_from(ADAPTIVE_METHODS),
    steps=st.integers(1, 4),
    label=st.sampled_from([None, 0, 1]),
    guidance=st.sampled_from([1.0, 2.0]),
    tolerance=st.sampled_from([None, 0.2, 0.05, 0.01]),
    min_steps=st.sampled_from([1, 4]),
    max_steps=st.sampled_from([4, 12]),
)


@settings(max_examples=6)
@given(st.lists(lanes_of_all_kinds, min_size=2, max_size=12))
def test_every_lane_chooses_its_steps_as_if_alone(mixture, unet, specs) -> None:
    for model in (mixture, unet):
        for spec, sample in zip(specs, run(model, specs, capacity=5), strict=True):
            (alone,) = run(model, [spec])
            for name in ("data", "map", "t", "rate"):
                assert getattr(sample, name).tobytes() == getattr(alone, name).tobytes()
            for name in ("accepted", "rejected", "evaluations", "finish_reason", "uncertainty"):
                assert getattr(sample, name) == getattr(alone, name)


def test_growth_after_a_rejection_waits_a_step() -> None:
    """The controller's arithmetic, on one lane."""
    lanes = FlowLanes(1, (2,), torch.device("cpu"))
    lanes.admit(0, adaptive("heun", 1e-2, min_steps=1))
    control, slots = Adaptive(theta=np.inf), np.array([0])
    control.begin(lanes, slots, np.zeros(1))
    assert lanes.h[0] == 1
    assert not control.accept(lanes, slots, np.array([9.0]))[0]
    assert lanes.h[0] == pytest.approx(0.9 / 3)
    assert lanes.rejected[0] == 1
    assert control.accept(lanes, slots, np.array([0.01]))[0]
    assert lanes.proposal[0] == pytest.approx(lanes.h[0]), "no growth right after a rejection"
    assert control.accept(lanes, slots, np.array([1e-9]))[0]
    assert lanes.proposal[0] == pytest.approx(3 * lanes.h[0]), "the largest growth"


def test_a_lane_without_error_ends_beside_one_that_is_shortened() -> None:
    """Whose error is too large decides for itself alone; an error of 0 has no inverse power."""

    def turn(x, t, label):
        return torch.where(label[:, None] == 1, 20 * torch.cos(9 * t[:, None]) * (1 + 0 * x), 0 * x)

    net = Scripted(turn, lambda x, t, label: torch.ones_like(x), classes=2)
    specs = [
        FlowSpec(5, index, "ab2", label=label, tolerance=1e-3, min_steps=5)
        for index, label in enumerate((0, 1))
    ]
    still, turned = run(model_of(net), specs)
    assert still.accepted < turned.accepted
    assert still.data == pytest.approx(normal((2,), 5, 0, Purpose.START).numpy())
