"""One reading is ahead of another where it is so on the same draws, and at most times."""

from __future__ import annotations

from math import inf

import pytest
import torch

from sureflow.training.lead import INTERVALS, MOST, clearly_ahead, lead

COUNT = 1280


def drawn(seed: int) -> torch.Tensor:
    """Losses that differ much from draw to draw, as those of data do."""
    return torch.randn(COUNT, generator=torch.Generator().manual_seed(seed)).exp()


@pytest.mark.parametrize("seed", range(50))
def test_chance_is_no_lead(seed: int) -> None:
    own, noise = drawn(seed), 0.1 * (drawn(seed + 100) - drawn(seed + 200))
    assert not clearly_ahead(own, own + noise)
    assert not clearly_ahead(own + noise, own)


def test_a_little_less_everywhere_is_a_lead() -> None:
    """What is common to both drops out: here it is fifty times the difference."""
    own = drawn(0)
    other = 0.98 * own + 0.01 * (drawn(1) - drawn(2))
    assert float(own.mean() / other.mean()) < 1.05
    assert lead(own, other) > 10
    assert clearly_ahead(own, other)
    assert lead(other, own) == pytest.approx(-lead(own, other))
    assert not clearly_ahead(other, own)


@pytest.mark.parametrize("ahead", range(INTERVALS + 1))
def test_much_less_for_a_while_is_none(ahead: int) -> None:
    own = drawn(3)
    factor = torch.ones(INTERVALS, 1)
    factor[:ahead] = 0.5
    factor[ahead:] = 1.01
    other = (own.reshape(INTERVALS, -1) * factor).flatten()
    assert clearly_ahead(own, other) is (ahead >= MOST)


def test_the_same_is_no_lead() -> None:
    own = drawn(4)
    assert lead(own, own) == 0
    assert not clearly_ahead(own, own.clone())
    assert lead(torch.ones(COUNT), torch.zeros(COUNT)) == inf
