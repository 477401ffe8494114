"""Training on bridges of counts: the posterior is found, and so are its rates."""

from __future__ import annotations

import pytest
import torch

from sureflow.networks.count_mlp import CountMLP
from sureflow.networks.count_table import CountTable
from sureflow.training import counted
from sureflow.training.arrays import Arrays
from sureflow.training.config import TrainingConfig

CONFIG = TrainingConfig(objective="counts", steps=1, batch=512, label_dropout=0.2)


def source(most: int = 9) -> Arrays:
    """A count of 1 or 9 by class, and one that is always 3."""
    labels = torch.arange(100) % 2
    samples = torch.stack([1.0 + (most - 1) * labels, torch.full((100,), 3.0)], 1)
    return Arrays(samples, labels, ("few", "many"), "two kinds")


def network() -> CountMLP:
    torch.manual_seed(0)
    return CountMLP(["a", "b"], 9, 2, mean=2.0, width=32, layers=1, dropout=0.0)


def test_states_lie_between_their_ends() -> None:
    at = counted.points(network(), source(), CONFIG, torch.Generator().manual_seed(0))
    assert at.x.shape == at.end.shape == (512, 2)
    assert {*at.label.tolist()} == {0, 1, 2}
    late = at.t > 0.95
    assert (at.x[late] - at.end[late]).abs().float().mean() < 0.4
    early = at.t < 0.05
    assert at.x[early].float().mean() == pytest.approx(2.0, abs=0.4)
    with pytest.raises(ValueError, match=r"data: has counts outside of 0 \.\. 9"):
        counted.points(network(), source(12), CONFIG, torch.Generator())


@pytest.mark.parametrize("objective", [counted.loss, counted.bregman_loss])
def test_what_is_learned_is_the_end_of_a_class(objective) -> None:
    net, drawn = network(), torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        losses.append(float(objective(net, counted.points(net, source(), CONFIG, drawn))))
        optimizer.step()
    assert sum(losses[-10:]) < sum(losses[:10])
    with torch.no_grad():
        p = net(torch.tensor([[2, 2]] * 2), torch.tensor([0.3, 0.3]), torch.tensor([0, 1])).exp()
    means = p @ torch.arange(10.0)
    assert means[0].tolist() == pytest.approx([1, 3], abs=0.4)
    assert means[1].tolist() == pytest.approx([9, 3], abs=0.4)


def test_the_exact_posterior_is_best_by_both() -> None:
    """No other one, such as that of other odds, has a smaller divergence on the same states."""
    rows = [[1], [9]]
    true, other = (CountTable(rows, [odds, 1 - odds], most=9, mean=2.0) for odds in (0.5, 0.8))
    single = Arrays(source().samples[:, :1], torch.zeros(100, dtype=torch.long), (), "one count")
    config = TrainingConfig(objective="counts", steps=1, batch=4000)
    at = counted.points(true, single, config, torch.Generator().manual_seed(0))
    v = torch.arange(10)

    def divergence(net: CountTable) -> tuple[float, float]:
        p, left = net(at.x, at.t, at.label).exp(), 1 - at.t[:, None]
        births = (p * (v - at.x[..., None]).clamp(min=0)).sum(2) / left
        wanted = (at.end - at.x).clamp(min=0) / left
        surprise = -p.gather(2, at.end[..., None]).clamp(min=1e-30).log().mean()
        return float(surprise), float(counted.bregman(births, wanted).mean())

    best, worse = divergence(true), divergence(other)
    assert best[0] < worse[0]
    assert best[1] < worse[1]
