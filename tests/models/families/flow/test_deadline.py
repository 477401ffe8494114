import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stubs import Scripted, model_of

from sureflow.core.lane import Sample
from sureflow.families.flow.deadline import WIDEST
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import ADAPTIVE_METHODS
from sureflow.sampling.sample import run
from sureflow.sampling.sampler import Sampler


def bend(x, t, label):
    """Turns quickly around t = 0.3, and less at other times."""
    return 3 * torch.cos(8 * x) * torch.exp(-((t[:, None] - 0.3) ** 2) / 0.03)


MODEL = model_of(Scripted(bend, lambda x, t, label: torch.ones_like(x)))


def clocked(spec: FlowSpec, deadline: float, tick_s: float = 1.0) -> tuple[Sample, int]:
    """The sample and its ticks, on a clock that moves by ``tick_s`` with every tick."""
    sampler = Sampler(MODEL, capacity=1)
    sampler.admit(0, spec, deadline)
    ticks, finished = 0, []
    while not finished:
        sampler.set_clock(ticks * tick_s, tick_s)
        finished = sampler.tick().finished
        ticks += 1
    return finished[0][1], ticks


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
def test_a_lane_in_time_is_not_touched(method: str) -> None:
    spec = FlowSpec(5, 0, method, tolerance=1e-3)
    (alone,) = run(MODEL, [spec])
    sample, ticks = clocked(spec, deadline=5.0 * alone.evaluations)
    assert ticks == alone.evaluations
    assert sample.data.tobytes() == alone.data.tobytes()
    assert (sample.finish_reason, sample.tolerance) == ("converged", 1e-3)


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
@settings(max_examples=5)
@given(share=st.floats(0.3, 0.8), index=st.integers(0, 50), tick_s=st.sampled_from([0.01, 2.0]))
def test_a_late_lane_arrives_in_time_and_says_so(method, share, index, tick_s) -> None:
    spec = FlowSpec(5, index, method, tolerance=1e-4)
    (alone,) = run(MODEL, [spec])
    allowed = int(share * alone.evaluations)
    sample, ticks = clocked(spec, allowed * tick_s, tick_s)
    assert ticks == sample.evaluations <= allowed
    assert sample.finish_reason == "deadline"
    assert 1e-4 < sample.tolerance <= WIDEST
    assert np.isfinite(sample.data).all()


def test_the_less_time_there_is_the_wider_the_tolerance() -> None:
    spec = FlowSpec(5, 3, "bosh3", tolerance=1e-4)
    (alone,) = run(MODEL, [spec])
    widths = [clocked(spec, share * alone.evaluations)[0].tolerance for share in (0.7, 0.4, 0.2)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_a_deadline_that_has_passed_is_taken_in_one_step_of_the_widest_tolerance() -> None:
    sample, _ = clocked(FlowSpec(5, 0, "heun", tolerance=1e-4), deadline=-1.0)
    assert (sample.tolerance, sample.finish_reason) == (WIDEST, "deadline")


def test_a_fixed_grid_stays_as_it_is() -> None:
    spec = FlowSpec(5, 0, "heun", 9)
    sample, ticks = clocked(spec, deadline=3.0)
    (alone,) = run(MODEL, [spec])
    assert (ticks, sample.tolerance, sample.finish_reason) == (18, None, "converged")
    assert sample.data.tobytes() == alone.data.tobytes()


def test_a_slot_forgets_the_deadline_of_the_lane_before() -> None:
    sampler = Sampler(MODEL, capacity=1)
    sampler.admit(0, FlowSpec(5, 0, "heun", tolerance=1e-3), deadline=-1.0)
    sampler.cancel([0])
    spec = FlowSpec(5, 1, "heun", tolerance=1e-3)
    sampler.admit(1, spec)
    finished = []
    while not finished:
        sampler.set_clock(1e6, 1.0)
        finished = sampler.tick().finished
    assert finished[0][1].data.tobytes() == run(MODEL, [spec])[0].data.tobytes()
