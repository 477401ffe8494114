from pathlib import Path

import numpy as np
import pytest
import torch
from stubs import Scripted, model_of
from typer.testing import CliRunner

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.cli import app
from sureflow.evaluation import placement
from sureflow.evaluation.placement import UNIFORM, choose, fit_grid, make_draws, search
from sureflow.families.flow.grid import Grid, uniform
from sureflow.model import Model
from sureflow.networks import build


def turning(x, t, label):
    """Straight until t = 0.6, then turning quickly."""
    return torch.where(t > 0.6, torch.cos(20 * (t - 0.6)), 1.0)[:, None].expand_as(x)


@pytest.mark.parametrize("method", ["euler", "heun", "rk4"])
def test_errors_are_those_of_the_method_on_the_grid(method: str) -> None:
    """A field ``t`` moves every start by one half; Euler by the sum of its rectangles."""
    model = model_of(Scripted(lambda x, t, label: t[:, None].expand_as(x)))
    grid = Grid(np.array([0.5, -0.5, 1.0]))
    times = grid.times(7)
    off = float(times[:-1] @ np.diff(times)) - 0.5 if method == "euler" else 0.0
    squares = make_draws(model, 6, seed=3).squares(method, 7, grid)
    assert squares == pytest.approx(off**2, rel=1e-4, abs=1e-10)


def test_a_fitted_grid_beats_the_uniform_one_and_is_dense_where_the_field_turns() -> None:
    model = model_of(Scripted(turning))
    fitted = fit_grid(model, draws=4, quiet=True)
    density = np.interp([0.2, 0.8], np.linspace(0, 1, 5), fitted.log_density)
    assert density[1] - density[0] > 0.5
    held_out = make_draws(model, 5, seed=77)
    for steps in (4, 8, 16):
        errors = [float(held_out.squares("heun", steps, grid).mean()) for grid in (fitted, UNIFORM)]
        assert errors[0] < errors[1]
    assert fitted.settings["gain"] > 0


def test_a_straight_field_keeps_the_uniform_grid() -> None:
    """Every grid is exact but for rounding; the penalty holds the fit where it began."""
    model = model_of(Scripted(lambda x, t, label: torch.zeros_like(x)))
    fitted = fit_grid(model, draws=2, quiet=True)
    assert fitted.times(10) == pytest.approx(uniform(10))


def test_the_chosen_draws_stand_for_all(mixture: Model) -> None:
    draws = make_draws(mixture, 250, seed=1)
    chosen = choose(draws, 40, seed=1)
    assert len(chosen.specs) == 80
    assert float(chosen.weight.sum()) == pytest.approx(1)
    every = draws.squares("heun", 8, UNIFORM)
    some = chosen.squares("heun", 8, UNIFORM)
    assert float(some @ chosen.weight) == pytest.approx(float(every.mean()), rel=0.1)
    with pytest.raises(ValueError, match=r"^hardest: "):
        fit_grid(mixture, draws=10, hardest=6)


def test_the_search_finds_a_minimum_under_roughness() -> None:
    target = np.array([0.7, -0.4, 1.1])

    def rough(point: np.ndarray) -> float:
        return float(np.square(point - target).sum() + 0.01 * np.sin(300 * point).sum())

    points = list(search(rough, np.zeros(3)))
    assert points[-1][0] == pytest.approx(target, abs=0.2)
    assert [value for _, value in points] == sorted((v for _, v in points), reverse=True)


def test_the_command_stores_the_grid_with_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever it finds in one round."""
    monkeypatch.setattr(placement, "ROUNDS", 1)
    network = {
        "kind": "gaussian_mixture",
        "weights": [1, 1],
        "means": [[2.0, 0.0], [-2.0, 0.0]],
        "covariances": [0.1, 0.1],
    }
    folder = tmp_path / "pair"
    save(folder, CheckpointConfig(name="pair", media="vector", network=network), build(network))
    before = load(folder).card.version
    run_command = CliRunner().invoke
    result = run_command(app, ["grid", str(folder), "--draws", "16", "--hardest", "5", "--quiet"])
    assert result.exit_code == 0, result.output
    model = load(folder)
    assert model.grid is not None
    assert model.grid.settings["draws"] == 16
    assert model.card.version != before
    refused = run_command(app, ["grid", str(folder), "--draws", "4", "--hardest", "9"])
    assert refused.exit_code == 1
    assert "hardest: 9" in refused.output
