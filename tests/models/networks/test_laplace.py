"""What data leave open of a linear layer: against regression, by positions, and its file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sureflow.networks import Bfloat16, Laplace, build
from sureflow.networks.laplace import RIDGE

MLP = {"kind": "mlp", "shape": [2], "width": 32, "layers": 1, "classes": 3}
UNET = {"kind": "unet", "shape": [1, 8, 8], "channels": [16, 32], "blocks": 1, "groups": 4,
        "heads": 2, "embedding": 16, "classes": 3}  # fmt: skip

SOUND = {"mean": torch.zeros(2), "factor": torch.zeros(2, 2), "usual": torch.ones(1)}


def _drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def _fitted(rows: Tensor) -> Laplace:
    covariance = rows.T.cov(correction=0)
    return Laplace.of(rows.mean(0), covariance, covariance, {"data": "these"})


def test_it_is_the_posterior_variance_of_a_regression() -> None:
    """Bayesian regression on the same activations, bias included, in units of its own mean."""
    rows = _drawn(500, 6) @ _drawn(6, 6, seed=1) + 3
    laplace, fresh = _fitted(rows), 4 * _drawn(50, 6, seed=2) + 3
    design = torch.cat([rows, torch.ones(500, 1)], 1)
    prior = RIDGE * float(rows.var(0, correction=0).mean()) * torch.eye(7, dtype=torch.double)
    prior[6, 6] = 0  # none on the bias
    covariance = torch.linalg.inv(design.T @ design / 500 + prior)
    asked = torch.cat([fresh, torch.ones(50, 1)], 1)
    variance = torch.einsum("ni,ij,nj->n", asked, covariance, asked)
    usual = torch.einsum("ni,ij,nj->n", design, covariance, design).mean()
    torch.testing.assert_close(laplace(fresh).double(), variance / usual, rtol=1e-3, atol=0)


def test_it_is_the_spread_of_regressions_on_other_data() -> None:
    """Monte Carlo: layers fitted to fresh targets of variance 1 differ by that, over N."""
    rows = _drawn(400, 3) * torch.tensor([1.0, 5.0, 0.2])
    design = torch.cat([rows, torch.ones(400, 1)], 1)
    layers = torch.linalg.lstsq(design, _drawn(400, 4000, seed=3)).solution
    fresh = 3 * rows[:20]
    said = (torch.cat([fresh, torch.ones(20, 1)], 1) @ layers).var(1)
    torch.testing.assert_close(_fitted(rows)(fresh).double() * 4 / 400, said, rtol=0.1, atol=0)


def test_training_points_read_one_on_average_and_more_outside() -> None:
    rows = _drawn(2000, 8) * torch.logspace(-1, 1, 8)
    laplace = _fitted(rows)
    assert float(laplace(rows).mean()) == pytest.approx(1, abs=0.01)
    outside = rows.clone()
    outside[:, 0] += 5  # where the data hardly moved
    assert (laplace(outside) > laplace(rows)).double().mean() > 0.95
    assert float(laplace(outside).mean()) > 100


@pytest.mark.parametrize("shape", [(5, 6), (5, 7, 6), (5, 6, 2, 4)])
@pytest.mark.parametrize("features", [6, 12])
def test_rows_are_read_by_their_pooled_moments(shape: tuple[int, ...], features: int) -> None:
    laplace, hidden = _fitted(_drawn(100, features)), _drawn(*shape, seed=4).float()
    last = hidden.flatten(2).mT if len(shape) == 4 else hidden.reshape(5, -1, 6)
    moments = torch.cat([last.mean(1), last.std(1, correction=0)], 1)[:, :features]
    apart = (moments - laplace.mean) @ laplace.factor.T
    torch.testing.assert_close(laplace(hidden), (1 + apart.square().sum(1)) / laplace.usual)
    whole = laplace(torch.cat([hidden, hidden + 1]))
    assert torch.equal(whole[:5], laplace(hidden)), "a row's bits are its own"
    assert torch.equal(whole[:1], laplace(hidden[:1]))


@pytest.mark.parametrize("config", [MLP, UNET])
def test_it_only_looks(config: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = build(config).eval()
    x = _drawn(8, *network.shape).float()
    t, label = torch.linspace(0, 1, 8), torch.arange(8) % 4
    with torch.no_grad():
        before = network.moments(x, t, label)
        features = network.probe_channels * len(network.shape[:2])
        network.attach(_fitted(_drawn(100, features)), "laplace")
        after = network.moments(x, t, label)
        assert before.ignorance is None
        assert after.ignorance is not None
        assert torch.equal(after.mean, before.mean)
        assert after.variance is not None
        assert before.variance is not None
        assert torch.equal(after.variance, before.variance)
        rounded = Bfloat16(network).eval().moments(x, t, label).ignorance
        assert rounded is not None
        torch.testing.assert_close(rounded, after.ignorance, rtol=0.05, atol=0)
    assert not any("laplace" in name for name in network.state_dict())
    with pytest.raises(ValueError, match="reads 7 features, of 32 channels"):
        network.attach(_fitted(_drawn(50, 7)), "laplace")


def test_round_trip(tmp_path: Path) -> None:
    laplace = _fitted(_drawn(100, 6))
    laplace.save(tmp_path / "laplace.safetensors")
    again = Laplace.load(tmp_path / "laplace.safetensors")
    assert torch.equal(again.mean, laplace.mean)
    assert torch.equal(again.factor, laplace.factor)
    assert again.settings == {"data": "these"}
    hidden = _drawn(5, 6, seed=5).float()
    assert torch.equal(again(hidden), laplace(hidden))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"mean": torch.zeros(2)}, "holds"),
        ({**SOUND, "mean": torch.zeros(0)}, "mean has shape"),
        ({**SOUND, "factor": torch.zeros(2, 3)}, "factor has shape"),
        ({**SOUND, "usual": torch.ones(2)}, "usual has shape"),
        ({**SOUND, "usual": torch.zeros(1)}, "usual is 0, below 1"),
        ({**SOUND, "mean": torch.zeros(2).double()}, "float64"),
        ({**SOUND, "factor": torch.full((2, 2), torch.nan)}, "NaN"),
    ],
)
def test_files_that_are_none_say_why(tmp_path: Path, tensors, message: str) -> None:
    save_file(tensors, tmp_path / "laplace.safetensors")
    with pytest.raises(ValueError, match=message):
        Laplace.load(tmp_path / "laplace.safetensors")
