"""Probes fitted to judges whose word is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from stubs import model_of
from typer.testing import CliRunner

from sureflow.checkpoint import CALIBRATION, CheckpointConfig, CheckpointError, load, save
from sureflow.cli import app
from sureflow.core.lane import Sample
from sureflow.evaluation.evaluate import balanced, draw_balanced
from sureflow.evaluation.probing import KNOTS, Drawn, Regression, _foresight, fit_probes
from sureflow.evaluation.reference import calibrate, foresee
from sureflow.families.flow.engine import FORESIGHT, PROBE
from sureflow.learned import LEARNED_FROM
from sureflow.networks import GaussianMixture, Probe, VelocityNetwork, build
from sureflow.networks.probe import FORESEES
from sureflow.sampling.sample import run

MLP = {"kind": "mlp", "shape": [2], "width": 16, "layers": 2, "classes": 2, "embedding": 16}


@pytest.fixture
def network() -> VelocityNetwork:
    torch.manual_seed(3)
    return build(MLP)


def outside(samples: list[Sample]) -> list[float]:
    """How far a sample lies from the origin; of label 1 all is worse by 10."""
    return [float(np.square(s.data).sum()) + 10 * (s.spec.label or 0) for s in samples]


def test_regression_finds_what_was_put_in() -> None:
    drawn = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 3, generator=drawn) * torch.tensor([1.0, 100.0, 0.0])
    labels = torch.arange(4000) % 2
    x[labels == 1] += 5
    truth = 2 * x[:, 0] - 0.03 * x[:, 1] + torch.tensor([1.0, -4.0])[labels]
    said = (truth + 0.1 * torch.randn(4000, generator=drawn)).double()
    regression = Regression(x, labels, said)
    weight, bias = regression.solve(1e-6, classes=2)
    assert weight.tolist() == pytest.approx([2, -0.03, 0], abs=0.01)
    assert bias[:2].tolist() == pytest.approx([1, -4], abs=0.02)
    assert float(bias[2]) == pytest.approx(float(bias[:2].mean())), "no condition: as on average"
    strict, _ = regression.solve(4000, classes=2)
    assert float(strict[0]) == pytest.approx(1, rel=0.05), "as much penalty as samples: half"


def test_a_probe_foretells_the_judge_of_samples_that_it_has_not_seen(network) -> None:
    model = model_of(network)
    probe, _ = fit_probes(model, outside, "outside", draws=600, quiet=True)
    assert probe is not None
    assert probe.weight.shape == (KNOTS, 2 * 16)
    network.attach(probe)
    fresh = draw_balanced(model, 300, 11, scores=("probe",), quiet=True)
    said = outside(fresh)
    predicted = [sample.scores["probe"] for sample in fresh]
    for label in (0, 1):
        pairs = [(a, b) for a, b, s in zip(predicted, said, fresh, strict=True)
                 if s.spec.label == label]  # fmt: skip
        assert spearmanr(*zip(*pairs, strict=True)).statistic > 0.8
    # In the unit of the judge, offset of the class included.
    assert np.mean(predicted) == pytest.approx(np.mean(said), abs=0.05)
    assert probe.settings["spearman"] > 0.8
    assert probe.settings["judge"] == "outside"
    assert probe.settings["draws"] == 600


def test_a_foresight_ranks_samples_before_they_are_finished(network) -> None:
    """The path from noise is determined, so that its middle says how its end will rank."""
    model = model_of(network)
    probe, foresight = fit_probes(model, draws=600, quiet=True, foresee="straightness")
    assert probe is None
    assert foresight.settings[FORESEES] == "straightness"
    network.attach(foresight, "foresight")
    heard: dict[float, list[float]] = {}
    lanes = balanced(model, range(300), 11, scores=("straightness",), steps=20)
    made = run(model, lanes, 300, listener=lambda i, t, of: heard.setdefault(t, []).append(of[1]))
    final = [sample.scores["straightness"] for sample in made]
    assert spearmanr(heard[0.25], final).statistic > 0.8
    told = foresight.settings["spearman"]
    assert spearmanr(heard[0.25], final).statistic == pytest.approx(told["0.25"], abs=0.1)


def test_of_a_single_position_a_foresight_bends() -> None:
    """What is far from the middle on either side: no line through the state ranks it."""
    drawn = torch.Generator().manual_seed(0)
    state = torch.randn(2000, 1, 1, generator=drawn)
    moments = torch.cat([state, torch.zeros_like(state)], 2)
    labels = torch.zeros(2000, dtype=torch.int64)
    seen = Drawn([], labels, 1, [0.0], moments)
    found = _foresight(seen, (state[:, 0, 0] - state.mean()).square(), 0, {})
    assert found.settings["spearman"]["0"] > 0.99
    assert found.centre is not None
    several = Drawn([], labels, 1, [0.0], torch.cat([state, state.square()], 2))
    assert _foresight(several, state[:, 0, 0], 0, {}).centre is None


def test_tables_that_foresee_give_up_what_would_not_pass(network) -> None:
    """What is foreseen saves evaluations, loses few, and changes no sample that is finished."""
    model = model_of(network)
    _, foresight = fit_probes(model, draws=1000, quiet=True, foresee="straightness")
    network.attach(foresight, "foresight")
    made = calibrate(model, draws=400, score="straightness", quiet=True)
    again = foresee(model, made, quiet=True)
    for name, early in made.early.items():
        assert early.foresees
        assert np.array_equal(early.bounds, again.early[name].bounds)
        assert np.array_equal(early.weights, again.early[name].weights)
    model = replace(model, calibration=made)
    lanes = balanced(model, range(400), 12, scores=("straightness",), steps=20)
    whole, early = run(model, lanes), run(model, [replace(lane, early=0.5) for lane in lanes])
    passing = [sample.confidence is not None and sample.confidence >= 0.5 for sample in whole]
    lost = [p and e.abandoned_at is not None for p, e in zip(passing, early, strict=True)]
    assert sum(lost) <= 0.05 * sum(passing)
    assert sum(s.evaluations for s in early) < 0.8 * sum(s.evaluations for s in whole)
    for one, other in zip(whole, early, strict=True):
        if other.abandoned_at is None:
            assert one.data.tobytes() == other.data.tobytes()
            assert one.scores == other.scores


def test_a_foresight_of_the_probe_that_is_fitted_beside_it(folder: Path) -> None:
    model = load(folder)
    probe, foresight = fit_probes(model, outside, "outside", draws=100, steps=4, quiet=True)
    assert probe is not None
    assert foresight.settings[FORESEES] == "probe"
    probe.save(folder / PROBE)
    foresight.save(folder / FORESIGHT)
    both = load(folder)
    assert both.network.foresight is not None
    assert both.digests["probe"] == foresight.settings[LEARNED_FROM]["probe"]
    Probe(probe.weight + 1, probe.bias, probe.settings).save(folder / PROBE)
    assert load(folder).network.foresight is None, "it foresaw another probe"


def test_the_version_does_not_depend_on_what_is_foreseen(folder: Path) -> None:
    before = load(folder)
    _, foresight = fit_probes(before, draws=40, steps=2, quiet=True)
    foresight.save(folder / FORESIGHT)
    assert load(folder).network.foresight is not None
    assert load(folder).card.version == before.card.version


def test_the_fit_is_the_same_every_time(network) -> None:
    model = model_of(network)
    one, other = (fit_probes(model, outside, "o", 120, steps=4, quiet=True) for _ in range(2))
    for before, after in zip(one, other, strict=True):
        assert torch.equal(before.weight, after.weight)
        assert torch.equal(before.bias, after.bias)


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        (lambda samples: [1.0], "gave 1 judgements on 40 samples"),
        (lambda samples: [float("nan")] * len(samples), "no finite number"),
        (lambda samples: [True] * len(samples), "said 1 of all samples"),
    ],
)
def test_judges_that_say_nothing_are_refused(network, judge, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_probes(model_of(network), judge, "it", 40, steps=2, quiet=True)


def test_what_cannot_be_fitted_is_refused_before_anything_is_drawn(network) -> None:
    closed = model_of(GaussianMixture([[0.0]], [1.0], [1.0]))
    with pytest.raises(ValueError, match="no activations that a probe can read"):
        fit_probes(closed, outside, "it", 40)
    with pytest.raises(ValueError, match="draws: 19 are too few"):
        fit_probes(model_of(network), outside, "it", 19)


@pytest.fixture
def folder(network, tmp_path: Path) -> Path:
    path = tmp_path / "dots"
    save(path, CheckpointConfig(name="dots", media="vector", classes=("a", "b"), network=MLP),
         network)  # fmt: skip
    return path


def test_a_probe_belongs_to_the_checkpoint(folder: Path) -> None:
    before = load(folder)
    assert before.card.probed == {}
    drawn = torch.Generator().manual_seed(0)
    settings = {"judge": "chance", LEARNED_FROM: before.digests}
    fitted = Probe(torch.randn(3, 32, generator=drawn), torch.zeros(3), settings)
    fitted.save(folder / PROBE)
    model = load(folder)
    assert model.card.probed == settings
    assert model.card.version != before.card.version
    assert model.card.parameters == before.card.parameters
    made = calibrate(model, draws=20, steps=3, score="probe", quiet=True)
    assert made.score == "probe"
    assert np.isfinite(made.quantiles["probe"]).all()
    assert "probe" not in calibrate(before, draws=5, steps=3, quiet=True).quantiles
    Probe(torch.zeros(3, 8), torch.zeros(3), settings).save(folder / PROBE)
    with pytest.raises(CheckpointError, match=r"probe.safetensors: reads 4 channels, .* has 16"):
        load(folder)


def test_the_command(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "far.py").write_text(
        "def out(samples):\n    return [float((s.data**2).sum()) for s in samples]\n"
    )
    invoke = CliRunner().invoke
    asked = ["probe", str(folder), "--draws", "60", "--quiet"]
    nobody = invoke(app, asked)
    assert nobody.exit_code == 0, nobody.output
    assert "rank correlation with propagated " in nobody.output
    assert load(folder).card.probed == {}, "without a judge it is the foresight alone"
    done = invoke(app, [*asked, "--judge", "far:out"])
    assert done.exit_code == 0, done.output
    assert "rank correlation with the judge" in done.output
    assert load(folder).card.probed["judge"] == "far:out"
    made = calibrate(load(folder), draws=5, steps=3, score="probe", quiet=True)
    made.save(folder / CALIBRATION)
    assert load(folder).calibration is not None
    again = invoke(app, [*asked, "--judge", "far:out", "--seed", "5"])
    assert again.exit_code == 0, again.output
    model = load(folder)
    assert model.calibration is None, "it has tables of others"
    assert "learned from another foresight; `sureflow calibrate`" in model.card.warnings[0]
