from pathlib import Path

import numpy as np
import pytest
import torch
from stubs import Scripted, model_of
from typer.testing import CliRunner

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.cli import app
from sureflow.evaluation.placement import choose, fit_grid, make_draws, search, solve
from sureflow.families.flow.grid import Grid, uniform
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import METHODS
from sureflow.model import Model
from sureflow.networks import build
from sureflow.sampling.sample import run


def turning(x, t, label):
    """Straight until t = 0.6, then turning quickly."""
    return torch.where(t > 0.6, torch.cos(20 * (t - 0.6)), 1.0)[:, None].expand_as(x)


@pytest.mark.parametrize("method", METHODS)
def test_the_solver_of_the_fit_is_the_samplers(mixture: Model, method: str) -> None:
    grid = Grid(np.array([0.5, -0.5, 1.0]))
    draws = make_draws(mixture, 6, seed=3)
    ends = solve(mixture.network, draws.start, draws.label, method, grid.times(7))
    model = Model(mixture.card, mixture.network, None, grid)
    specs = [
        FlowSpec(3, index, method, 7, label=int(label), grid="fitted")
        for index, label in enumerate(draws.label)
    ]
    sampled = np.stack([sample.data for sample in run(model, specs)])
    assert ends.numpy() == pytest.approx(sampled, abs=1e-5)


def test_a_fitted_grid_beats_the_uniform_one_and_is_dense_where_the_field_turns() -> None:
    model = model_of(Scripted(turning))
    fitted = fit_grid(model, draws=4, quiet=True)
    density = np.interp([0.2, 0.8], np.linspace(0, 1, 5), fitted.log_density)
    assert density[1] - density[0] > 0.5
    held_out = make_draws(model, 5, seed=77)
    for steps in (4, 8, 16):
        errors = [
            float(held_out.squares(model.network, "heun", times).mean())
            for times in (fitted.times(steps), uniform(steps))
        ]
        assert errors[0] < errors[1]
    assert fitted.settings["gain"] > 0


def test_a_straight_field_keeps_the_uniform_grid() -> None:
    """Every grid is exact but for rounding; the penalty holds the fit where it began."""
    model = model_of(Scripted(lambda x, t, label: torch.zeros_like(x)))
    fitted = fit_grid(model, draws=2, quiet=True)
    assert fitted.times(10) == pytest.approx(uniform(10))


def test_the_chosen_draws_stand_for_all(mixture: Model) -> None:
    draws = make_draws(mixture, 400, seed=1)
    chosen = choose(mixture.network, draws, 50, seed=1)
    assert len(chosen.start) == 100
    assert float(chosen.weight.sum()) == pytest.approx(1)
    every = draws.squares(mixture.network, "heun", uniform(8))
    some = chosen.squares(mixture.network, "heun", uniform(8))
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


def test_the_command_stores_the_grid_with_the_checkpoint(tmp_path: Path) -> None:
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
    result = run_command(app, ["grid", str(folder), "--draws", "40", "--hardest", "10", "--quiet"])
    assert result.exit_code == 0, result.output
    model = load(folder)
    assert model.grid is not None
    assert model.grid.settings["draws"] == 40
    assert model.card.version != before
    refused = run_command(app, ["grid", str(folder), "--draws", "4", "--hardest", "9"])
    assert refused.exit_code == 1
    assert "hardest: 9" in refused.output
