import pytest
import torch
from stubs import Scripted
from torch import Tensor

from sureflow.networks import VelocityNetwork
from sureflow.training.arrays import Arrays
from sureflow.training.held_out import Comparison, held_out_likelihoods, split


def constant(variance: float) -> VelocityNetwork:
    """The velocity of standard normal data, with a variance that is the same everywhere."""

    def velocity(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        t = t[:, None]
        return (2 * t - 1) / ((1 - t) ** 2 + t**2) * x

    return Scripted(velocity, lambda x, t, label: torch.full_like(x, variance))


def source(count: int) -> Arrays:
    samples = torch.randn(count, 2, generator=torch.Generator().manual_seed(0))
    return Arrays(samples, torch.zeros(count, dtype=torch.long), (), "")


def test_the_split_is_disjoint_and_the_same_every_time() -> None:
    whole = source(50)
    fitted, held = split(whole, 3)
    rows = [tuple(row.tolist()) for part in (fitted, held) for row in part.samples]
    assert len(held.samples) == 5
    assert sorted(rows) == sorted(tuple(row.tolist()) for row in whole.samples)
    assert torch.equal(split(whole, 3)[1].samples, held.samples)
    assert not torch.equal(split(whole, 4)[1].samples, held.samples)
    with pytest.raises(ValueError, match="data: needs two samples"):
        split(source(1), 0)


def test_the_better_variance_has_the_smaller_likelihood_at_the_same_points() -> None:
    def likelihoods(network: VelocityNetwork, batch: int = 100) -> Tensor:
        return held_out_likelihoods(network, source(400), 0, batch, 500)

    # Var[u | x_t] of this path is 1 / ((1-t)^2 + t^2), between 1 and 2.
    right, wrong = likelihoods(constant(1.5)), likelihoods(constant(6.0))
    found = Comparison.of(("wrong", wrong), ("right", right))
    assert found.better == "right"
    assert found.difference == pytest.approx(found.nll["wrong"] - found.nll["right"])
    assert found.difference > 5 * found.error > 0
    assert torch.equal(right, likelihoods(constant(1.5)))
