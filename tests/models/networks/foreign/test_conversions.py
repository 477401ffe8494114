"""Conversions are kept by their times, and nobody can change what is kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sureflow.families.flow.directional import derivative
from sureflow.networks import FrozenVelocity
from sureflow.networks.foreign.convention import Convention
from sureflow.networks.foreign.conversions import MOST, ROWS, Conversions

CONVENTION = Convention({"kind": "discrete"}, "noise")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The times of the conversions that were worked out."""
    asked: list[Tensor] = []
    whole = Convention._converted

    def converted(convention: Convention, s: Tensor) -> Any:
        asked.append(s)
        return whole(convention, s)

    monkeypatch.setattr(Convention, "_converted", converted)
    return asked


def test_the_same_times_are_converted_once(counted: list[Tensor]) -> None:
    convention = Convention({"kind": "discrete"}, "noise")
    counted.clear()
    times = torch.linspace(0, 1, 7)
    first = convention.at(times)
    for again in (convention.at(times.clone()), convention.at(times)):
        assert all(map(torch.equal, first, again))
    assert len(counted) == 1
    for other in (times.double(), times[:6], times.flip(0), torch.nextafter(times, times + 1)):
        found, expected = convention.at(other), CONVENTION._converted(other)
        assert all(map(torch.equal, found, expected))
    assert len(counted) == 5 + 4


def test_points_of_a_training_step_are_not_kept(counted: list[Tensor]) -> None:
    convention = Convention({"kind": "discrete"}, "noise")
    counted.clear()
    for _ in range(2):
        convention.at(torch.linspace(0, 1, ROWS + 1))
    assert len(counted) == 2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(2,), (1, 4, 4)])
def test_factors_for_samples_are_the_same_numbers(
    shape: tuple[int, ...], dtype: torch.dtype, counted: list[Tensor]
) -> None:
    convention = Convention({"kind": "discrete"}, "noise")
    counted.clear()
    times, y = torch.linspace(0, 1, 7), torch.randn(7, *shape, dtype=dtype)
    plain = convention.at(times)
    for _ in range(2):
        found = convention.at(times, y)
        assert torch.equal(found.state * y + found.output * y, plain.velocity(y, y))
        assert all(
            torch.equal(a.flatten(), b.to(dtype)) for a, b in zip(found[:3], plain, strict=False)
        )
        assert torch.equal(found.time, plain.time)
        assert {z.dtype for z in found[:3]} == {dtype}
    assert len(counted) == 2, "once for each form"


def test_few_are_kept() -> None:
    kept = Conversions(CONVENTION._converted)
    for number in range(MOST + 5):
        kept(torch.tensor([number / (2 * MOST)]))
    assert len(kept._kept) == 5


class Careless(nn.Module):
    """Works in place on all that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        t /= 1000
        out: Tensor = self.layer(x) * t[:, None]
        x.zero_()
        return out


def test_a_network_that_works_in_place_changes_no_later_answer() -> None:
    network = FrozenVelocity(
        Careless(), shape=(2,), path={"kind": "discrete"}, prediction="noise", variance="none"
    )
    x, t = torch.ones(3, 2), torch.tensor([0.25, 0.5, 0.75])
    assert torch.equal(network(x.clone(), t), network(x.clone(), t))
    assert torch.equal(t, torch.tensor([0.25, 0.5, 0.75]))


class Bent(nn.Module):
    """Not linear, in whichever mode its derivative is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.tanh(self.layer(x)) * (1 + t[:, None] / 1000)


def test_what_was_kept_while_sampling_can_be_differentiated() -> None:
    network = FrozenVelocity(
        Bent(), shape=(2,), path={"kind": "discrete"}, prediction="noise", variance="none"
    )
    t = torch.tensor([0.25, 0.75])
    with torch.inference_mode():
        assert network(torch.ones(2, 2), t).is_inference()
    assert derivative(network) is not None
    x = torch.ones(2, 2, requires_grad=True)
    network(x, t).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
