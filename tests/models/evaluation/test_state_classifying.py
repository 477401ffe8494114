"""Classifiers of noisy images learn what can be seen through the noise, and no more."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sureflow.core.path import LINEAR
from sureflow.evaluation import state_classifying
from sureflow.evaluation.state_classifying import fit_state_classifier, turned
from sureflow.networks import build
from sureflow.training.arrays import Arrays

NETWORK = {"kind": "unet", "shape": [1, 8, 8], "channels": [8, 16], "blocks": 1, "groups": 4,
           "patch": 2, "heads": 2, "classes": 2, "embedding": 16}  # fmt: skip


def bars(count: int = 400) -> Arrays:
    """Images with a bright upper or lower half, by class."""
    labels = torch.arange(count) % 2
    images = torch.full((count, 1, 8, 8), -1.0)
    images[labels == 0, :, :4] = 1
    images[labels == 1, :, 4:] = 1
    return Arrays(images, labels, ("upper", "lower"), "bars")


def states(t: float, count: int = 400) -> tuple[Tensor, Tensor]:
    data, drawn = bars(count), torch.Generator().manual_seed(9)
    times = torch.full((count,), t)
    return LINEAR.interpolate(
        torch.randn(data.samples.shape, generator=drawn), data.samples, times
    ), data.labels


def test_it_sees_through_noise_as_far_as_there_is_something_to_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state_classifying, "STEPS", 60)
    network, drawn = build(NETWORK), torch.Generator().manual_seed(0)
    before = torch.get_rng_state()
    found = fit_state_classifier(network, bars(), 0.2, drawn, quiet=True)
    assert torch.equal(torch.get_rng_state(), before), "it draws from its own generator"
    for t, least in ((0.3, 0.9), (0.9, 0.99)):
        x, labels = states(t)
        right = found(x, torch.full((len(x),), t)).argmax(1) == labels
        assert float(right.double().mean()) >= least
    x, labels = states(0.0)
    right = found(x, torch.full((len(x),), 0.2)).argmax(1) == labels
    assert abs(float(right.double().mean()) - 0.5) < 0.1, "noise shows nothing"


def test_images_are_turned_each_by_its_own_little() -> None:
    images = bars(6).samples
    found = turned(images, torch.Generator().manual_seed(0))
    assert found.shape == images.shape
    assert float(found.min()) >= -1
    assert float(found.max()) <= 1
    assert torch.equal(found, turned(images, torch.Generator().manual_seed(0)))
    assert not torch.allclose(found[0], found[2])
    near = (found - images).abs().flatten(1).mean(1)
    assert float(near.max()) < 0.6
    assert torch.allclose(turned(torch.ones(3, 2, 9, 9), torch.Generator().manual_seed(1)),
                          torch.ones(3, 2, 9, 9))  # fmt: skip
