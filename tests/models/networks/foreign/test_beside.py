"""A variance beside a network that nobody looks into."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gaussian import DEVIATION, MEAN, PATHS, Exact, described
from torch import Tensor, nn

from sureflow.core.card import Condition
from sureflow.networks import FrozenVelocity
from sureflow.networks.foreign.beside import MOST_GIVEN, BesideHead, seen
from sureflow.training.config import TrainingConfig
from sureflow.training.drawn import Drawn
from sureflow.training.soundness import assess, check_finite
from sureflow.training.trainer import Trainer


def _drawn(head: BesideHead) -> BesideHead:
    """The head with no layer idle."""
    generator = torch.Generator().manual_seed(0)
    for parameter in head.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return head


@pytest.mark.parametrize("shape", [(5,), (2, 3), (3, 6, 4), (1, 2, 3, 2)])
def test_variance_is_positive_and_rows_are_independent(shape: tuple[int, ...]) -> None:
    head = _drawn(BesideHead(shape, 4, 16))
    x, v = torch.randn(2, 9, *shape)
    t, label = torch.rand(9), torch.arange(9) % 5
    with torch.inference_mode():
        whole = head(x, v, t, label)
        assert whole.shape == x.shape
        assert (whole > 0).all()
        assert not torch.equal(whole[0], whole[1])
        # Rows in other company, and alone.
        others = x.clone(), v.clone(), t.clone(), label.clone()
        for mine, theirs in zip(others, (x, v, t, label), strict=True):
            mine[:4], mine[5:] = theirs[:4].flip(0), theirs[5:].flip(0)
        assert torch.equal(head(*others)[4], whole[4])
        for row in range(9):
            alone = head(x[row, None], v[row, None], t[row, None], label[row, None])
            torch.testing.assert_close(alone[0], whole[row], rtol=1e-5, atol=1e-6)


def test_it_begins_at_that_of_a_velocity_that_knows_nothing() -> None:
    head = BesideHead((4,), 0, 8)
    x = torch.randn(3, 4)
    out = head(x, x, torch.rand(3), torch.zeros(3, dtype=torch.long))
    torch.testing.assert_close(out, torch.ones(3, 4))


def test_everything_that_it_sees_matters() -> None:
    head = _drawn(BesideHead((1, 4, 4), 2, 8))
    x, v, t = torch.randn(1, 1, 4, 4), torch.randn(1, 1, 4, 4), torch.tensor([0.3])
    label = torch.tensor([0])
    first = head(x, v, t, label)
    for other in ((x + 1, v, t, label), (x, v + 1, t, label), (x, v, t + 0.3, label)):
        assert not torch.equal(head(*other), first)
    assert not torch.equal(head(x, v, t, label + 1), first)


def test_conditions_that_are_vectors_are_seen_beside_what_is_no_image() -> None:
    conditions = {"y": Condition("vector", (3,)), "text": Condition("text", (4, 8))}
    assert seen(conditions, (5,)) == {"y": 3}
    assert not seen(conditions, (1, 8, 8))
    assert not seen({"y": Condition("vector", (MOST_GIVEN + 1,))}, (5,))
    module = nn.Module()
    module.scale = nn.Parameter(torch.ones(()))
    module.forward = lambda x, t, y: module.scale * x
    network = FrozenVelocity(module, shape=(5,), conditions={"y": {"kind": "vector", "shape": [3]}})
    _drawn(network.noise["beside"])  # type: ignore[arg-type]
    x, t = torch.randn(2, 5), torch.rand(2)
    first, other = (network.moments(x, t, y=torch.full((2, 3), z)) for z in (0.0, 1.0))
    assert torch.equal(first.mean, other.mean)
    assert not torch.equal(first.variance, other.variance)  # type: ignore[arg-type]


class Gaussian:
    """Gaussian data without labels."""

    names = ()

    def draw(self, count: int, generator: torch.Generator) -> Drawn:
        noise = torch.randn(count, 2, generator=generator)
        x1 = torch.tensor(MEAN) + torch.tensor(DEVIATION) * noise
        return Drawn(x1, torch.zeros(count, dtype=torch.long))


@pytest.mark.parametrize(
    ("path", "prediction"),
    [("discrete", "noise"), pytest.param("edm", "edm", marks=pytest.mark.slow)],
)
def test_fitted_variance_is_the_exact_one(path: str, prediction: str, tmp_path: Path) -> None:
    """Its velocity is exact, so the variance to find is ``Var[x1 - y0 | y]``."""
    torch.manual_seed(0)
    arguments = {**described(path, prediction), "variance": "beside"}
    network = FrozenVelocity(Exact(path, prediction), **arguments)
    source = Gaussian()
    check_finite(network, source)  # type: ignore[arg-type]
    assert assess(network, source).problem is None  # type: ignore[arg-type]
    config = TrainingConfig(
        objective="variance", steps=300, batch=512, learning_rate=5e-3, warmup=20, ema=0.98
    )
    trainer = Trainer(network, source, config, tmp_path)  # type: ignore[arg-type]
    trainer.run(quiet=True)
    found = trainer.averaged()
    s = torch.linspace(0.02, 0.98, 512)
    x1 = source.draw(512, torch.Generator().manual_seed(5)).samples
    start = network.start(torch.randn(512, 2), x1)
    y = (1 - s[:, None]) * start + s[:, None] * x1
    with torch.no_grad():
        variance = found.moments(y, s).variance
    _, exact = PATHS[path].velocity(y.double(), s.double())
    assert variance is not None
    ratio = variance.double() / exact
    assert float(ratio.log().abs().mean()) < 0.1


def test_labels_are_always_given_without_a_null_label(tmp_path: Path) -> None:
    """In training and in the checks of the network, whatever the dropout of labels."""
    seen: list[Tensor] = []

    class Strict(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
            seen.append(label)
            return self.scale * x

    class Labelled(Gaussian):
        def draw(self, count: int, generator: torch.Generator) -> Drawn:
            return super().draw(count, generator)._replace(labels=torch.arange(count) % 2)

    network = FrozenVelocity(Strict(), shape=(2,), classes=3, null_label=False)
    seen.clear()
    config = TrainingConfig(objective="variance", steps=3, batch=64, label_dropout=0.9)
    told: list[Tensor] = []
    forward = network.noise["beside"].forward
    network.noise["beside"].forward = lambda x, v, t, label: (  # type: ignore[method-assign]
        told.append(label) or forward(x, v, t, label)
    )
    Trainer(network, Labelled(), config, tmp_path).run(quiet=True)  # type: ignore[arg-type]
    assess(network, Labelled())  # type: ignore[arg-type]
    assert {*torch.cat(seen).tolist()} == {0, 1}
    assert {*torch.cat(told).tolist()} == {0, 1}
