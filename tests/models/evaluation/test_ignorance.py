"""Learning what training data leave open: of points whose activations are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from stubs import Open, Scripted, model_of
from torch import Tensor
from typer.testing import CliRunner

from sureflow.checkpoint import CALIBRATION, CheckpointConfig, CheckpointError, load, save
from sureflow.cli import app
from sureflow.core.lane import Inverted
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.evaluation.ignorance import CHUNK, Moments, data_of, fit_laplace
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.engine import LAPLACE
from sureflow.families.flow.spec import FlowSpec
from sureflow.learned import LEARNED_FROM
from sureflow.networks import GaussianMixture, Laplace, NetworkOutput, build
from sureflow.sampling.sample import run, sample
from sureflow.training.arrays import Arrays

MLP = {"kind": "mlp", "shape": [2], "width": 16, "layers": 1, "classes": 3, "embedding": 16}


def _around(*centre: float) -> Arrays:
    """Points near a centre, of label 0 and 1 in turn."""
    drawn = torch.Generator().manual_seed(4)
    near = torch.tensor(centre) + 0.1 * torch.randn(4000, 2, generator=drawn)
    return Arrays(near, torch.arange(4000) % 2, ("a", "b", "c"), "near a centre")


def test_moments_of_weighted_rows() -> None:
    drawn = torch.Generator().manual_seed(0)
    rows = torch.randn(300, 4, generator=drawn, dtype=torch.double) + 2
    weight = torch.randint(1, 4, (300,), generator=drawn).double()
    added = Moments(4)
    for part in (slice(0, 100), slice(100, 300)):
        added.add(rows[part], weight[part])
    repeated = rows.repeat_interleave(weight.long(), 0)
    torch.testing.assert_close(added.mean, repeated.mean(0))
    torch.testing.assert_close(added.about(added.mean), repeated.T.cov(correction=0))
    off = repeated - 1
    torch.testing.assert_close(added.about(torch.ones(4).double()), off.T @ off / len(off))


class Shown(Scripted):
    """A network whose state can be read."""

    def __init__(self, velocity, variance=None) -> None:
        super().__init__(velocity, variance)
        self.probe_channels = 2

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> NetworkOutput:
        out = super().run(x, t, label, noisy)
        return NetworkOutput(out.mean, out.variance, hidden=x)


def test_points_weigh_as_much_as_the_network_is_certain_there() -> None:
    """Where ``x`` is above 1 the variance is 9: such points count a ninth."""
    model = model_of(
        Shown(
            lambda x, t, label: torch.zeros_like(x),
            lambda x, t, label: torch.where(x[:, :1] > 1, 9.0, 1.0).expand_as(x).clone(),
        )
    )
    source = _around(4.0, 0.0).unlabelled()
    fitted = fit_laplace(model, source, 40_000, quiet=True)
    drawn = torch.Generator().manual_seed(0)
    t, noise = torch.rand(40_000, 1, generator=drawn), torch.randn(40_000, 2, generator=drawn)
    x = ((1 - t) * noise + t * torch.tensor([4.0, 0.0])).double()
    weight = torch.where(x[:, :1] > 1, 1 / 9, 1.0)
    mean = (weight * x).sum(0) / weight.sum()
    squares = (x - mean).square()
    variance = (weight * squares).sum(0) / weight.sum()
    assert fitted.mean.tolist() == pytest.approx(mean.tolist(), abs=0.05)
    found = (fitted.factor.T @ fitted.factor).inverse().diagonal()
    assert found.tolist() == pytest.approx(variance.tolist(), rel=0.06)
    alike = 1 + float((squares.mean(0) / variance).sum())
    assert float(fitted.usual) == pytest.approx(alike, rel=0.05)


def test_states_on_the_way_to_data_are_what_it_knows() -> None:
    """Activations are the states ``(1 - t) x0 + t c``: mean ``c / 2``, variance 1/3 + c^2/12."""
    model = model_of(Shown(lambda x, t, label: torch.zeros_like(x)))
    fitted = fit_laplace(model, _around(4.0, 0.0).unlabelled(), 40_000, quiet=True)
    assert fitted.mean.tolist() == pytest.approx([2, 0], abs=0.06)
    spread = (fitted.factor.T @ fitted.factor).inverse().diagonal()
    assert spread.tolist() == pytest.approx([1 / 3 + 16 / 12, 1 / 3], rel=0.06)
    assert fitted.settings["fresh"] == pytest.approx(1, abs=0.05)
    assert fitted.settings["points"] == 40_000
    assert fitted.settings["data"] == "near a centre"
    assert float(fitted(torch.tensor([[2.0, 5.0]]))) > 10


def test_the_fit_is_the_same_every_time() -> None:
    torch.manual_seed(0)
    model = model_of(build(MLP))
    one, other = (fit_laplace(model, _around(1.0, 1.0), 3 * CHUNK, quiet=True) for _ in range(2))
    assert torch.equal(one.factor, other.factor)


def test_without_activations_there_is_nothing_to_fit() -> None:
    closed = model_of(GaussianMixture([[0.0, 0.0]], [1.0], [1.0]))
    with pytest.raises(ValueError, match="no activations"):
        fit_laplace(closed, _around(0.0, 0.0), quiet=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    network, path = build(MLP), tmp_path / "dots"
    with torch.no_grad():
        network.embedding.label.weight[2] *= 5  # a class that training would not have moved so
    config = CheckpointConfig(name="dots", media="vector", classes=("a", "b", "c"), network=MLP)
    save(path, config, network)
    return path


def _written(path: Path) -> Path:
    data = _around(1.0, 1.0)
    save_file({"samples": data.samples, "labels": data.labels}, path)
    return path


def test_the_command(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    invoke, data = CliRunner().invoke, str(_written(tmp_path / "data.safetensors"))
    before = load(folder)
    asked = ["ignorance", str(folder), "--points", "4000", "--quiet"]
    done = invoke(app, [*asked, "--data", data])
    assert done.exit_code == 0, done.output
    assert "of data.safetensors, samples 0 to 4000" in done.output
    model = load(folder)
    assert model.card.laplace["data"] == "data.safetensors, samples 0 to 4000"
    assert model.card.version != before.card.version
    assert model.digests.keys() == {"network", "laplace"}
    known, never = (sample(model, 50, label=n, scores=("ignorance",)) for n in (0, 2))
    usual = sum(made.scores["ignorance"] for made in known) / 50
    assert sum(made.scores["ignorance"] for made in never) / 50 > 2 * usual
    assert known[0].confidence is None
    made = calibrate(model, draws=20, steps=3, quiet=True)
    made.save(folder / CALIBRATION)
    assert "ignorance" in made.quantiles
    assert load(folder).calibration is not None
    again = invoke(app, [*asked, "--data", data, "--seed", "8"])
    assert again.exit_code == 0, again.output
    assert load(folder).calibration is None, "it has tables of others"


def test_the_data_may_be_those_of_a_training(folder: Path, tmp_path: Path) -> None:
    _written(tmp_path / "data.safetensors")
    config = tmp_path / "dots.toml"
    config.write_text(
        'name = "dots"\n[data]\nname = "file"\npath = "data.safetensors"\n'
        'names = ["a", "b", "c"]\n[network]\nkind = "mlp"\n'
    )
    found = data_of(load(folder), config, tmp_path)
    assert found.description == "data.safetensors, samples 0 to 4000"


def test_without_data_its_own_samples_stand_for_them(tmp_path: Path) -> None:
    """Of an exact network, whose own paths are those to its samples."""
    means = [[2.0, 0.0], [-2.0, 1.0]]
    model = model_of(Open(means=means, weights=[0.5, 0.5], covariances=[0.1, 0.1], labels=[0, 1]))
    found = data_of(model, None, tmp_path / "runs", quiet=True)
    assert "samples of the model itself" in found.description
    model.network.attach(fit_laplace(model, found, 4000, quiet=True), "laplace")
    knowing = model.varied(card=replace(model.card, laplace={"data": found.description}))
    made = draw_balanced(knowing, 100, 3, scores=("ignorance",), quiet=True)
    assert sum(s.scores["ignorance"] for s in made) / 100 == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("radius", [1.0, 2.5, 4.0])
def test_ring_knows_its_modes_alone(radius: float) -> None:
    """Given samples at all modes, and at other radii."""
    angles = torch.arange(8) * torch.pi / 4
    way = torch.stack([angles.cos(), angles.sin()], 1)
    given = torch.cat([2 * way, radius * way]).numpy()
    specs = [FlowSpec(1, i, scores=("ignorance",), origin=Inverted(x)) for i, x in enumerate(given)]
    read = [made.scores["ignorance"] for made in run(load("ring"), specs)]
    assert max(read[:8]) < 1.5
    assert min(read[8:]) > 3


@pytest.mark.parametrize("name", ["ring", "digits", "fashion"])
def test_what_ships_was_fitted_to_enough_points(name: str) -> None:
    card = load(name).card
    assert card.laplace["fresh"] == pytest.approx(1, abs=0.05)
    assert card.laplace["points"] == 20_000


def test_what_does_not_fit_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="data"):
        data_of(load(folder), tmp_path / "nothing.safetensors", tmp_path)
    stamp = {LEARNED_FROM: load(folder).digests}
    Laplace(torch.zeros(3), torch.eye(3), torch.ones(1), stamp).save(folder / LAPLACE)
    message = r"laplace.safetensors: reads 3 features, of 16 channels"
    with pytest.raises(CheckpointError, match=message):
        load(folder)
