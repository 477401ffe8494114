"""Data of a latent model may be given as samples."""

from __future__ import annotations

import torch

from sureflow.networks import Staged
from sureflow.training.arrays import Arrays
from sureflow.training.latent_data import latents_of
from tests.staged import Pushed, decoder, sample_encoder

ENCODING = Staged(Pushed(), decoder(), sample_encoder=sample_encoder())
BLIND = Staged(Pushed(), decoder())


def data(*shape: int) -> Arrays:
    return Arrays(torch.randn(20, *shape), torch.arange(20), (), "noise")


def test_samples_are_encoded() -> None:
    given = data(3)
    made = latents_of(given, ENCODING)
    torch.testing.assert_close(made.samples, (given.samples[:, :2] - 1) * 0.5)
    assert torch.equal(made.labels, given.labels)


def test_bytes_are_scaled_first() -> None:
    given = Arrays(torch.full((3, 3), 255, dtype=torch.uint8), torch.arange(3), (), "white")
    assert latents_of(given, ENCODING).samples.tolist() == [[0, 0]] * 3


def test_all_else_is_left_as_it_is() -> None:
    for given, network in ((data(2), ENCODING), (data(3), BLIND), (data(3), Pushed())):
        assert latents_of(given, network) is given
