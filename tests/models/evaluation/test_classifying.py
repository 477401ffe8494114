"""Classifiers fitted to data whose classes are known, and read of samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from stubs import Open, Scripted, model_of
from torch.nn import functional as F
from typer.testing import CliRunner

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.cli import app
from sureflow.evaluation.classifying import fit_classifier
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.engine import CLASSIFIER
from sureflow.families.flow.scores.class_margin import TIMES
from sureflow.families.flow.spec import FlowSpec
from sureflow.learned import LEARNED_FROM
from sureflow.model import Model
from sureflow.networks import build
from sureflow.sampling.sample import run
from sureflow.training.arrays import Arrays

MEANS = [[2.0, 2.0], [-2.0, 1.0], [0.0, -2.5]]
"""Of classes 0, 1 and 2; the deviations are 0.5."""


def clusters(count: int = 600) -> Arrays:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 3
    points = torch.tensor(MEANS)[labels] + 0.5 * torch.randn(count, 2, generator=generator)
    return Arrays(points, labels, ("a", "b", "c"), "three clusters")


def model() -> Model:
    """Its activations are the state, and its samples are those clusters."""
    return model_of(
        Open(means=MEANS, weights=[1 / 3] * 3, covariances=[0.25] * 3, labels=[0, 1, 2])
    )


def test_it_finds_samples_of_another_class_than_was_asked_for() -> None:
    """Samples of class 0 under the label 1 have the margin of the likelihoods, about."""
    found = model()
    classifier = fit_classifier(found, clusters(), 3000, quiet=True)
    assert classifier.settings["accuracy"][-1] > 0.97
    assert classifier.settings["data"] == "three clusters"
    assert classifier.weight.shape == (3, 3, 2, 1)
    assert classifier.state is None, "points are no images"
    found.network.attach(classifier, "classifier")
    found = replace(found, card=replace(found.card, classified=classifier.settings))
    specs = [FlowSpec(3, i, "heun", 20, i % 3, scores=("class_margin",)) for i in range(90)]
    right = run(found, specs)
    margins = [sample.scores["class_margin"] for sample in right]
    assert sum(margin < 0 for margin in margins) > 80, "hardly any is open at the first reading"
    told = torch.tensor(MEANS)
    for sample in right:
        end = torch.from_numpy(sample.data)
        distances = (end - told).square().sum(1)
        assert int(distances.argmin()) == sample.spec.label


def test_midway_between_two_classes_neither_is_ahead() -> None:
    """The log-ratio of two such clusters is linear in the state."""
    classifier = fit_classifier(model(), clusters(3000), 18_000, quiet=True)
    t = TIMES[1] + 0.05
    means, late = t * torch.tensor(MEANS), torch.full((2,), t)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        shown = torch.stack([(means[one] + means[other]) / 2, means[one]])
        logits = classifier(shown, shown, late)
        midway, at_one = (logits[:, one] - logits[:, other]).tolist()
        assert abs(midway) < 0.7
        assert at_one > 3


def test_logits_are_probabilities_at_every_time() -> None:
    """Those of states between noise and clusters, which Bayes tells."""
    classifier = fit_classifier(model(), clusters(3000), 18_000, quiet=True)
    drawn, count = torch.Generator().manual_seed(5), 2000
    data = clusters(count)
    for t in TIMES:
        noise = torch.randn(count, 2, generator=drawn)
        x, times = t * data.samples + (1 - t) * noise, torch.full((count,), t)
        spread = t**2 * 0.25 + (1 - t) ** 2
        exact = -(x[:, None] - t * torch.tensor(MEANS)).square().sum(2) / (2 * spread)
        found = classifier(x, x, times).log_softmax(1)
        # In nats a sample, by how much the truth is likelier.
        lost = F.cross_entropy(found, data.labels) - F.cross_entropy(exact, data.labels)
        assert abs(float(lost)) < 0.05


def test_the_fit_is_the_same_every_time() -> None:
    one, other = (fit_classifier(model(), clusters(), 300, quiet=True) for _ in range(2))
    assert torch.equal(one.weight, other.weight)
    assert one.settings == other.settings


def test_what_cannot_be_fitted_is_refused() -> None:
    closed = model_of(Scripted(lambda x, t, label: x, classes=3))
    with pytest.raises(ValueError, match="test has no activations that a classifier can read"):
        fit_classifier(closed, clusters())
    single = model_of(Open(means=[[0.0, 0.0]], weights=[1.0], covariances=[1.0]))
    with pytest.raises(ValueError, match="test has no classes that could be told apart"):
        fit_classifier(single, clusters())
    with pytest.raises(ValueError, match="data: has 2 classes"):
        fit_classifier(model(), replace(clusters(), names=("a", "b")))
    with pytest.raises(ValueError, match="data: 9 samples are too few"):
        fit_classifier(model(), clusters(9))
    needing = model()
    needing.network.null_label = False
    with pytest.raises(ValueError, match="never evaluated without a condition"):
        fit_classifier(needing, clusters())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = {"kind": "mlp", "shape": [2], "width": 16, "layers": 2, "classes": 3, "embedding": 16}
    config = CheckpointConfig(name="dots", media="vector", classes=("a", "b", "c"), network=network)
    save(tmp_path / "dots", config, build(network))
    return tmp_path / "dots"


def test_the_command(folder: Path, tmp_path: Path) -> None:
    before = load(folder)
    assert "class_margin" not in calibrate(before, draws=3, steps=5, quiet=True).quantiles
    data = clusters()
    save_file({"samples": data.samples, "labels": data.labels}, tmp_path / "points.safetensors")
    (tmp_path / "dots.toml").write_text(
        'name = "dots"\n[data]\nname = "file"\npath = "points.safetensors"\n'
        'names = ["a", "b", "c"]\n[network]\nkind = "mlp"\n'
    )
    asked = ["classifier", str(folder), "--draws", "200", "--quiet"]
    for given in ("points.safetensors", "dots.toml"):
        done = CliRunner().invoke(app, [*asked, "--data", str(tmp_path / given)])
        assert done.exit_code == 0, done.output
        assert "of the samples held out" in done.output
        assert f"calibrate {folder} --score class_margin" in done.output
    model = load(folder)
    assert model.card.classified[LEARNED_FROM] == {"network": before.digests["network"]}
    assert model.card.version != before.card.version
    made = calibrate(model, draws=3, steps=5, score="class_margin", quiet=True)
    assert made.score == "class_margin"
    assert model.digests["classifier"] == made.settings[LEARNED_FROM]["classifier"]
    (folder / CLASSIFIER).unlink()
    missing = CliRunner().invoke(app, asked)
    assert missing.exit_code == 2
    assert "--data" in missing.output
    absent = CliRunner().invoke(app, [*asked, "--data", str(tmp_path / "absent.safetensors")])
    assert absent.exit_code == 1
    assert "data" in absent.output
