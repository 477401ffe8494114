"""Roots that are the same on every processor, where that was asked for."""

import math

import pytest
import torch

from sureflow.moments.square_root import square_root


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_portable_roots_are_correctly_rounded(kind, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.rand(4000, generator=torch.Generator().manual_seed(0)).to(kind) * 100
    monkeypatch.setenv("SUREFLOW_PORTABLE", "1")
    found = square_root(x.reshape(40, 100)).flatten()
    assert found.dtype == kind
    truth = torch.tensor([math.sqrt(value) for value in x.tolist()], dtype=torch.float64)
    assert torch.equal(found, truth.to(kind))


def test_elsewhere_roots_are_those_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.rand(1000, generator=torch.Generator().manual_seed(1))
    monkeypatch.setenv("SUREFLOW_PORTABLE", "0")
    assert torch.equal(square_root(x), x.sqrt())


def test_roots_have_derivatives_in_either_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    for portable in ("0", "1"):
        monkeypatch.setenv("SUREFLOW_PORTABLE", portable)
        x = torch.full((3,), 4.0, requires_grad=True)
        square_root(x).sum().backward()
        assert x.grad is not None
        assert x.grad.tolist() == [0.25] * 3
