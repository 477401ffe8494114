"""Classifiers of noisy images: whatever their size, each row alone."""

from __future__ import annotations

import pytest
import torch

from sureflow.networks.state_classifier import StateClassifier, reads


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (2, 11, 17)])
def test_rows_are_read_alone_whatever_their_size(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    classifier = StateClassifier(shape[0], 4).frozen()
    classifier.check(shape)
    drawn = torch.Generator().manual_seed(1)
    x, t = torch.randn(9, *shape, generator=drawn), torch.rand(9, generator=drawn)
    whole = classifier(x, t)
    assert whole.shape == (9, 4)
    for count in (1, 2, 5):
        assert torch.equal(classifier(x[:count], t[:count]), whole[:count])
    assert not torch.equal(classifier(x, 1 - t), whole), "it knows the time"


def test_only_images_that_are_not_small_are_read() -> None:
    assert reads((1, 8, 8))
    assert not any(map(reads, [(2,), (1, 7, 8), (8, 8), (1, 8, 8, 8)]))
    with pytest.raises(ValueError, match=r"reads images of 1 channels, not \[3, 8, 8\]"):
        StateClassifier(1, 2).check((3, 8, 8))
