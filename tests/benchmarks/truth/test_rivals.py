"""What anybody could rank images by, and class heads: known by hand."""

import pytest
import torch
from stubs import Open

from benchmarks.truth.heads import Head
from benchmarks.truth.measures import auroc, interval, shown
from benchmarks.truth.rivals import by_class, margin


def test_the_nearest_of_every_class() -> None:
    seen = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    found = by_class(torch.tensor([[0.0, 0.0], [3.0, 3.0]]), seen, torch.tensor([0, 1, 1]))
    assert found.tolist() == [[0, 5], [pytest.approx(18**0.5), 1]]


def test_the_margin_is_the_lead_of_the_likeliest_other_class() -> None:
    logits = torch.tensor([[1.0, 5.0, 2.0], [1.0, 5.0, 2.0]])
    assert margin(logits, torch.tensor([1, 2])).tolist() == [-3, 3]


def test_a_head_learns_the_classes_of_what_the_network_shows() -> None:
    """The state itself is shown, and its classes lie on both sides of a line."""
    network = Open(means=[[0.0, 0.0]] * 2, weights=[0.5, 0.5], covariances=[1.0, 1.0],
                   labels=[0, 1])  # fmt: skip
    drawn = torch.Generator().manual_seed(0)
    images = torch.randn(2000, 2, generator=drawn)
    classes = (images.sum(1) > 0).long()
    head = Head(network, 0.9, images, classes, copies=2)
    fresh = torch.randn(500, 2, generator=drawn)
    truth = (fresh.sum(1) > 0).long()
    assert float((head(0.9 * fresh).argmax(1) == truth).double().mean()) > 0.95
    wrong = torch.arange(500) % 5 == 0
    told = torch.where(wrong, 1 - truth, truth)
    assert auroc(margin(head(0.9 * fresh), told), wrong) > 0.98


def test_an_interval_is_around_its_auroc() -> None:
    score = torch.randn(400, generator=torch.Generator().manual_seed(1))
    bad = score + torch.randn(400, generator=torch.Generator().manual_seed(2)) > 1
    low, high = interval(score, bad)
    assert low < auroc(score, bad) < high
    assert 0.02 < high - low < 0.15
    figures = {"x": 0.5, "y": 0.5, "y, least": 0.4, "y, most": 0.6}
    assert shown(figures, "x") == "0.500"
    assert shown(figures, "y") == "0.500 [0.400, 0.600]"
