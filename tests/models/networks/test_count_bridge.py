"""Bridges of counts: by enumeration, and by Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sureflow.networks.count_bridge import CountBridge, binomial


def test_a_binomial_is_one() -> None:
    k, n = np.arange(-1, 6), np.full(7, 4)
    found = binomial(k, n, 0.25)
    assert found.tolist() == pytest.approx([0, 81 / 256, 108 / 256, 54 / 256, 12 / 256, 1 / 256, 0])


@pytest.mark.parametrize("t", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("source", ["poisson", "uniform"])
def test_the_likelihood_of_a_state_is_that_of_its_draws(t: float, source: str) -> None:
    bridge, drawn = CountBridge(9, source, 2.0), np.random.default_rng(0)
    (table,) = bridge.log_likelihood(torch.tensor([t])).exp().double()
    assert table.sum(0).numpy() == pytest.approx(np.ones(10), abs=1e-6)
    for end in (0, 4, 9):
        start = bridge.start(drawn.random(40_000))
        moved = drawn.binomial(np.abs(end - start), t)
        x = start + np.sign(end - start) * moved
        share = np.bincount(x, minlength=10) / len(x)
        assert np.abs(share - table[:, end].numpy()).max() < 0.012


def test_at_last_it_is_the_end() -> None:
    (table,) = CountBridge(5, "poisson", 1.0).log_likelihood(torch.tensor([1.0])).exp()
    assert torch.allclose(table, torch.eye(6))


def test_the_source_has_its_law() -> None:
    bridge = CountBridge(30, "poisson", 3.0)
    start = bridge.start(np.random.default_rng(0).random(50_000))
    assert (start.mean(), start.var()) == pytest.approx((3, 3), abs=0.06)
    assert bridge.start(np.array([1 - 1e-12]))[0] == len(bridge.law) - 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "most: 0"), ((9, "gamma"), "source: 'gamma'"), ((9, "poisson", 0.0), "mean: 0.0")],
)
def test_what_is_no_bridge_says_why(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CountBridge(*arguments)  # type: ignore[arg-type]
