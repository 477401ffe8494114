"""Probes fitted anew to verdicts whose truth is known."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from typer.testing import CliRunner

from sureflow.checkpoint import CALIBRATION, CheckpointConfig, load, save
from sureflow.cli import app
from sureflow.confidence.certificate import Conformal
from sureflow.core.lane import Branch, LaneSpec, Sample
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.evaluation.reference import calibrate
from sureflow.evaluation.refitting import refit_probe, write_version
from sureflow.evaluation.verdicts import LEAST, Verdicts
from sureflow.families.flow.engine import PROBE
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks import build
from sureflow.recipe import dump

MLP = {"kind": "mlp", "shape": [2], "width": 16, "layers": 2, "classes": 2, "embedding": 16}
ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = 2 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    path = tmp_path / "dots"
    config = CheckpointConfig(name="dots", media="vector", classes=("a", "b"), network=MLP)
    save(path, config, build(MLP))
    return path


def outside(samples: Iterable[Sample]) -> list[bool]:
    return [bool(np.square(sample.data).sum() > 2.5) for sample in samples]


def far(samples: Iterable[Sample]) -> list[bool]:
    """Of ``ring``: far from all of its clusters."""
    points = np.stack([sample.data for sample in samples])
    found: list[bool] = (np.linalg.norm(points[:, None] - CENTRES, axis=2).min(1) > 0.3).tolist()
    return found


def line(lane: LaneSpec, bad: float, version: str, **other: Any) -> str:
    recipe = b64encode(dump(replace(lane, scores=()))).decode()
    sample = f"smp_{lane.seed}_{lane.index}"
    said = {"model_version": version, "sample": sample, "bad": bad, "recipe": recipe}
    return json.dumps({"reviewer": "ann", **said, **other}) + "\n"


def exported(file: Path, model: Model, samples: list[Sample], bad: list[bool]) -> Path:
    version = model.card.version
    pairs = zip(samples, bad, strict=True)
    file.write_text("".join(line(each.spec, float(b), version) for each, b in pairs))
    return file


def found(model: Model, bad: Any, seed: int, count: int = 600) -> float:
    """How often the probe ranks a bad sample that nobody has judged above a good one."""
    fresh = draw_balanced(model, count, seed, scores=("probe",), quiet=True)
    scores, truth = np.array([s.scores["probe"] for s in fresh]), np.array(bad(fresh))
    u = mannwhitneyu(scores[truth], scores[~truth]).statistic
    return float(u / (truth.sum() * (~truth).sum()))


def test_it_finds_what_people_would_call_bad(folder: Path, tmp_path: Path) -> None:
    """Samples of two solvers, judged by two people who do not always agree."""
    model = load(folder)
    samples = draw_balanced(model, 200, 5, steps=8, quiet=True)
    samples += draw_balanced(model, 100, 6, method="euler", steps=20, quiet=True)
    file = exported(tmp_path / "verdicts.jsonl", model, samples, outside(samples))
    other = "".join(line(each.spec, 1.0, model.card.version) for each in samples[::10])
    file.write_text(file.read_text() + other)
    verdicts = Verdicts.read(file, model.card.version)
    assert len(verdicts.lanes) == 300
    assert {*verdicts.bad} == {0.0, 0.5, 1.0}
    found_here = refit_probe(model, verdicts, "ann", quiet=True)
    probe = found_here.probe
    assert (probe.settings["judge"], probe.settings["draws"]) == ("ann", 300)
    model.network.attach(probe)
    assert found(model, outside, 11) > 0.8  # a chance order is 0.5, some 0.025 wide
    again = refit_probe(load(folder), verdicts, "ann", quiet=True)
    assert torch.equal(again.probe.weight, probe.weight)
    assert (found_here.judged, found_here.bad) == (300, sum(bad > 0.5 for bad in verdicts.bad))
    assert found_here.score == "propagated"
    auroc, in_use, gain = found_here.auroc, found_here.in_use, found_here.gain
    assert auroc is not None
    assert in_use is not None
    assert gain is not None
    assert auroc.low < auroc.value < auroc.high
    assert gain.value == pytest.approx(auroc.value - in_use.value)
    assert gain.low > 0, "the score in use knows nothing of what people want"


def test_what_it_is_worth_is_measured_on_samples_left_out(folder: Path) -> None:
    """Verdicts by the toss of a coin: a probe finds what it was fitted to, and nothing else."""
    model = load(folder)
    samples = draw_balanced(model, 200, 5, steps=4, quiet=True)
    coins = np.random.default_rng(0).random(200) < 0.5
    lanes, bad = [each.spec for each in samples], coins.astype(float).tolist()
    fitted = refit_probe(model, Verdicts(lanes, bad, 0, 0), "ann", quiet=True)
    assert fitted.auroc is not None
    assert fitted.auroc.low < 0.5
    assert fitted.auroc.value < 0.6  # by chance it is 0.5, some 0.04 wide


def test_a_version_is_judged_by_its_probe_and_certified_nothing(
    folder: Path, tmp_path: Path
) -> None:
    model = load(folder)
    made = calibrate(model, draws=40, score="propagated", method="euler", steps=6, quiet=True)
    said = {"judge": "ann", "score": "propagated", "seed": 1, "draws": 100, "delta": 0.1}
    table = Conformal(np.array([0.5]), np.array([0.1]), said)
    replace(made, conformal=table).save(folder / CALIBRATION)
    model = load(folder)
    samples = draw_balanced(model, 60, 5, steps=4, quiet=True)
    lanes, bad = [each.spec for each in samples], [float(b) for b in outside(samples)]
    probe = refit_probe(model, Verdicts(lanes, bad, 0, 0), "ann", quiet=True).probe
    new = write_version(model, folder, tmp_path / "beside", "dots-2", probe, 30)
    assert (new.card.name, new.score) == ("dots-2", "probe")
    assert new.calibration is not None
    assert new.calibration.references == made.references
    assert new.calibration.settings["draws"] == 30
    assert not new.calibration.certificates
    assert not new.card.warnings
    assert load(folder).card == model.card


@pytest.mark.slow
def test_400_verdicts_on_ring_rank_what_nobody_has_judged() -> None:
    model = load(Path("models/checkpoints/ring"))
    samples = draw_balanced(model, 400, 11, quiet=True)
    lanes, bad = [each.spec for each in samples], [float(b) for b in far(samples)]
    fitted = refit_probe(model, Verdicts(lanes, bad, 0, 0), "ann", quiet=True)
    assert fitted.auroc is not None
    assert fitted.gain is not None
    assert fitted.gain.high < 0, "the score in use finds such samples better"
    model.network.attach(fitted.probe)
    fresh = found(model, far, 12, 2000)
    assert fresh > 0.75
    assert fitted.auroc.low < fresh < fitted.auroc.high


def test_the_command_makes_a_version_beside_the_one_that_is_served(
    folder: Path, tmp_path: Path
) -> None:
    model = load(folder)
    calibrate(model, draws=40, score="propagated", quiet=True).save(folder / CALIBRATION)
    samples = draw_balanced(model, 60, 5, steps=4, quiet=True)
    file = exported(tmp_path / "verdicts.jsonl", model, samples, outside(samples))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    out = tmp_path / "dots-2"
    done = CliRunner().invoke(
        app, ["probe", str(folder), "--verdicts", str(file), "--out", str(out), "--quiet"]
    )
    assert done.exit_code == 0, done.output
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    made = load(out)
    assert made.card.name == "dots-2"
    assert model.card.version != made.card.version
    assert model.card.version in done.output
    assert made.card.version in done.output
    assert made.card.probed["judge"] == "verdicts.jsonl"
    assert (out / PROBE).is_file()
    fresh = draw_balanced(made, 4, 9, steps=4, scores=("probe",), quiet=True)
    same = draw_balanced(model, 4, 9, steps=4, quiet=True)
    assert [s.data.tobytes() for s in fresh] == [s.data.tobytes() for s in same]
    again = CliRunner().invoke(
        app, ["probe", str(folder), "--verdicts", str(file), "--out", str(out)]
    )
    assert again.exit_code != 0
    assert "is there already" in again.output


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--verdicts", "{file}"], "--out"),
        (["--out", "{out}"], "--out"),
        (["--verdicts", "{file}", "--out", "{out}", "--judge", "a:b"], "--judge"),
        (["--verdicts", "{file}", "--out", "{out}-X"], "cannot be the name"),
        (["--verdicts", "none.jsonl", "--out", "{out}"], "none.jsonl"),
    ],
    ids=str,
)
def test_what_the_command_refuses(
    folder: Path, tmp_path: Path, given: list[str], message: str
) -> None:
    model = load(folder)
    samples = draw_balanced(model, 60, 5, steps=2, quiet=True)
    file = exported(tmp_path / "verdicts.jsonl", model, samples, outside(samples))
    places = {"file": file, "out": tmp_path / "new"}
    words = [word.format(**places) for word in given]
    done = CliRunner().invoke(app, ["probe", str(folder), *words])
    assert done.exit_code != 0
    assert message in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dots", "verdicts.jsonl"]


def test_verdicts_that_say_too_little_are_refused(folder: Path, tmp_path: Path) -> None:
    model = load(folder)
    samples = draw_balanced(model, LEAST, 5, steps=2, quiet=True)
    file = exported(tmp_path / "verdicts.jsonl", model, samples, [True] * LEAST)
    version = model.card.version
    with pytest.raises(ValueError, match="all are said to be as bad"):
        refit_probe(model, Verdicts.read(file, version), "ann", quiet=True)
    lane = samples[0].spec
    edited = replace(lane, origin=Branch(lane, 1, ()))
    lines = [
        line(lane, 1.0, "sha256:other"),
        line(edited, 1.0, version, sample="smp_b"),
        line(lane, 1.0, version, sample="smp_a", recipe=None),
        line(lane, 1.0, version, sample="smp_c", recipe="bm9uZQ=="),
        line(lane, 1.0, version),
    ]
    file.write_text("".join(lines))
    read = Verdicts.read(file, version)
    assert (len(read.lanes), read.others, read.bare) == (1, 1, 3)
    with pytest.raises(ValueError, match=r"1 judged samples .* \(1 are about other versions"):
        refit_probe(model, read, "ann", quiet=True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model_version": "a", "sample": 1, "bad": 0}'])
def test_what_is_no_verdict_is_refused_by_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "verdicts.jsonl"
    file.write_text(f"{line(FlowSpec(1, 2), 1.0, 'v')}{text}\n")
    with pytest.raises(ValueError, match=r"verdicts: .*line 2: "):
        Verdicts.read(file, "v")
