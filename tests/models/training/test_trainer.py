from pathlib import Path

import pytest
import torch

from sureflow.networks import MLP, build
from sureflow.training.config import TrainingConfig
from sureflow.training.data import Ring
from sureflow.training.trainer import Trainer

NETWORK = {"kind": "mlp", "shape": [2], "width": 32, "layers": 1, "embedding": 32}


def trainer(folder: Path, **changes: object) -> Trainer:
    settings = {"steps": 8, "batch": 32, "warmup": 2, "save_every": 100, "ema": 0.9, **changes}
    config = TrainingConfig.model_validate(settings)
    torch.manual_seed(0)
    return Trainer(build(NETWORK), Ring(), config, folder)


class InterruptedRunError(Exception):
    pass


@pytest.mark.parametrize("objective", ["velocity", "beta_nll", "decoupled", "variance"])
def test_an_interrupted_run_ends_where_it_would_have(tmp_path: Path, objective: str) -> None:
    whole = trainer(tmp_path / "whole", objective=objective)
    whole.run(quiet=True)

    first = trainer(tmp_path / "part", objective=objective, save_every=3)
    advance = first._advance

    def fail_at_five() -> float:
        if first.step == 5:
            raise InterruptedRunError
        return advance()

    first._advance = fail_at_five  # type: ignore[method-assign]
    with pytest.raises(InterruptedRunError):
        first.run(quiet=True)
    second = trainer(tmp_path / "part", objective=objective, save_every=3)
    second.run(quiet=True)

    assert second.losses == whole.losses
    for name, tensor in whole.averaged().state_dict().items():
        assert torch.equal(tensor, second.averaged().state_dict()[name]), name


@pytest.mark.parametrize(
    ("objective", "noise_moves", "velocity_moves"),
    [
        ("velocity", False, True),
        ("variance", True, False),
        ("beta_variance", True, False),
        ("beta_nll", True, True),
        ("decoupled", True, True),
    ],
)
def test_each_objective_trains_what_it_names(
    tmp_path: Path, objective: str, noise_moves: bool, velocity_moves: bool
) -> None:
    run = trainer(tmp_path, objective=objective)
    before = {name: p.clone() for name, p in run.network.named_parameters()}
    run.run(quiet=True)
    moved = {n for n, p in run.network.named_parameters() if not torch.equal(p, before[n])}
    assert any(name.startswith("noise.") for name in moved) == noise_moves
    assert any(not name.startswith("noise.") for name in moved) == velocity_moves


def test_decoupled_leaves_the_velocity_to_plain_regression(tmp_path: Path) -> None:
    """Bit for bit the velocity that plain regression trains."""
    plain = trainer(tmp_path / "a", objective="velocity", clip=1e9)
    both = trainer(tmp_path / "b", objective="decoupled", clip=1e9)
    plain.run(quiet=True)
    both.run(quiet=True)
    for name, parameter in plain.network.named_parameters():
        if not name.startswith("noise."):
            assert torch.equal(parameter, dict(both.network.named_parameters())[name]), name


def test_average_follows_the_weights(tmp_path: Path) -> None:
    run = trainer(tmp_path, ema=0.0)
    run.run(quiet=True)
    weights = {name: p.clone() for name, p in run.network.named_parameters()}
    for name, parameter in run.averaged().named_parameters():
        assert torch.allclose(parameter, weights[name], atol=0.05)


def test_the_null_label_is_learned(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MLP((2,), width=16, layers=1, classes=3)
    before = network.embedding.label.weight.clone()
    config = TrainingConfig(steps=5, batch=64, label_dropout=1.0, objective="velocity")
    Trainer(network, Ring(), config, tmp_path).run(quiet=True)
    changed = (network.embedding.label.weight != before).any(1)
    assert changed.tolist() == [False, False, False, True]
