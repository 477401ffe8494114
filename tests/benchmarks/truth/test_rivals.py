"""What anybody could rank images by: known by hand."""

import pytest
import torch

from benchmarks.truth.measures import auroc, interval, shown
from benchmarks.truth.rivals import by_class, margin


def test_the_nearest_of_every_class() -> None:
    seen = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    found = by_class(torch.tensor([[0.0, 0.0], [3.0, 3.0]]), seen, torch.tensor([0, 1, 1]))
    assert found.tolist() == [[0, 5], [pytest.approx(18**0.5), 1]]


def test_the_margin_is_the_lead_of_the_likeliest_other_class() -> None:
    logits = torch.tensor([[1.0, 5.0, 2.0], [1.0, 5.0, 2.0]])
    assert margin(logits, torch.tensor([1, 2])).tolist() == [-3, 3]


def test_an_interval_is_around_its_auroc() -> None:
    score = torch.randn(400, generator=torch.Generator().manual_seed(1))
    bad = score + torch.randn(400, generator=torch.Generator().manual_seed(2)) > 1
    low, high = interval(score, bad)
    assert low < auroc(score, bad) < high
    assert 0.02 < high - low < 0.15
    figures = {"x": 0.5, "y": 0.5, "y, least": 0.4, "y, most": 0.6}
    assert shown(figures, "x") == "0.500"
    assert shown(figures, "y") == "0.500 [0.400, 0.600]"
