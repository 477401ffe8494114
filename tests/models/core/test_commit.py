from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from sureflow.core.commit import commit_point, commit_points
from sureflow.core.lane import Commit
from sureflow.sampling.sample import sample


def test_commit_is_the_end_of_the_last_open_step() -> None:
    t = np.array([0, 0.25, 0.5, 0.75], np.float32)
    rate = np.array([1, 1, 1, 1], np.float32)
    assert commit_point(t, rate) == Commit(0.5, 2)
    assert commit_point(t, np.array([1, 4, 9, 64], np.float32)) == Commit(1.0, 4)


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=50))
def test_commit_lies_on_the_grid(rates) -> None:
    t = np.linspace(0, 1, len(rates), endpoint=False, dtype=np.float32)
    commit = commit_point(t, np.array(rates, np.float32))
    assert 0 <= commit.step <= len(rates)
    assert commit.t == pytest.approx(commit.step / len(rates), abs=1e-6)


def test_two_decisions_are_two_commit_points() -> None:
    """The variance still open falls by a factor of ten at t = 0.3 and again at t = 0.7."""
    t = np.linspace(0, 1, 40, endpoint=False, dtype=np.float32)
    still_open = (1 / (1 + np.exp((t - 0.3) * 60)) + 0.1) * (1 / (1 + np.exp((t - 0.7) * 60)) + 0.1)
    reference = (1 - t) ** 2 / ((1 - t) ** 2 + t**2)
    rate = still_open * reference / (1 - t) ** 2
    first, *others = commit_points(t, rate.astype(np.float32))
    assert first == commit_point(t, rate.astype(np.float32))
    assert first.t == pytest.approx(0.3, abs=0.05)
    assert [point.t for point in others] == [pytest.approx(0.7, abs=0.05)]


def test_a_sample_of_one_mode_has_one_commit_point() -> None:
    t = np.linspace(0, 1, 40, endpoint=False, dtype=np.float32)
    assert len(commit_points(t, 1 / ((1 - t) ** 2 + t**2))) == 1


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=50))
def test_commit_points_are_steps_apart(rates) -> None:
    t = np.linspace(0, 1, len(rates), endpoint=False, dtype=np.float32)
    points = commit_points(t, np.array(rates, np.float32))
    steps = sorted(point.step for point in points)
    assert points[0] == commit_point(t, np.array(rates, np.float32))
    assert all(later - earlier > 1 for earlier, later in pairwise(steps))


def test_commit_agrees_with_the_moment_the_mode_is_settled(mixture) -> None:
    """Truth: the last time at which the posterior of the final mode was below 0.9."""
    steps = 60
    drawn = sample(mixture, n=100, seed=2, steps=steps, capacity=64)
    network = mixture.network
    settled, said = [], []
    for one in drawn:
        said.append(one.commit.t)
        settled.append(_settled(network, one, steps))
    assert spearmanr(said, settled)[0] > 0.9
    assert abs(np.median(np.array(said) - np.array(settled))) < 0.05


def _settled(network, one, steps) -> float:
    x = torch.from_numpy(one.data).double()
    final = int((network.means - x).square().sum(1).argmin())
    # walk the same flow backwards; its field is exact, so few steps suffice
    last = 0.0
    state = x.clone()[None]
    for k in range(steps, 0, -1):
        t1 = torch.tensor([k / steps], dtype=torch.float64)
        t0 = torch.tensor([(k - 1) / steps], dtype=torch.float64)
        h = 1 / steps
        v1 = network(state, t1)
        state = state - h * (v1 + network(state - h * v1, t0)) / 2
        variance = t0.square() * network.eigenvalues[:, 0] + (1 - t0).square()
        log = network.log_weights - (state - t0 * network.means).square().sum(1) / (2 * variance)
        log = log - variance.log()
        if torch.softmax(log, 0)[final] < 0.9:
            last = float(t0)
            break
    return last
