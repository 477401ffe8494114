"""Judges by function and by command, on a model that they can tell right from wrong of."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sureflow.checkpoint import CALIBRATION, CheckpointConfig, load, save
from sureflow.cli import app
from sureflow.confidence.calibration import Calibration
from sureflow.confidence.measured import Measured
from sureflow.core.lane import Sample
from sureflow.evaluation.judged import by_command, by_function, judged
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks.registry import build
from sureflow.sampling.sample import run

PAIR: dict[str, Any] = {
    "kind": "gaussian_mixture",
    "weights": [1, 1, 1, 1],
    "means": [[1.5, 0.0], [0.9, 0.4], [-1.5, 0.0], [-0.7, -0.3]],
    "covariances": [0.05, 0.3, 0.1, 0.2],
    "labels": [0, 0, 1, 1],
}
HERE = f"{__name__}:far_out"


def far_out(samples: list[Sample]) -> Sequence[bool]:
    """Bad are points above a line that one in some ten of them reaches."""
    return [bool(sample.data[1] > 0.5) for sample in samples]


COMMAND = """
import sys, numpy as np
samples = np.load(sys.argv[1])
assert samples["data"].dtype == np.float32 and samples["label"].dtype == np.int64
assert samples["label"].tolist() == [0, 1] * (len(samples["label"]) // 2)
print(*(samples["data"][:, 1] > 0.5).astype(int), sep="\\n")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = CheckpointConfig(name="pair", network=PAIR, media="vector", classes=("narrow", "wide"))
    save(tmp_path / "pair", config, build(PAIR))
    return tmp_path / "pair"


@pytest.fixture
def model(folder: Path) -> Model:
    return load(folder)


def test_the_judge_sees_fresh_balanced_samples(model: Model) -> None:
    seen: list[Sample] = []

    def judge(samples: list[Sample]) -> Sequence[bool]:
        seen.extend(samples)
        return far_out(samples)

    made = calibrate(model, 20, method="euler", steps=5, seed=8, quiet=True)
    table = judged(model, made, judge, "line", 200, 9, quiet=True)
    assert [sample.spec.label for sample in seen] == [0, 1] * 100
    assert {(s.spec.seed, s.spec.method, s.spec.steps) for s in seen} == {(9, "euler", 5)}
    bad = np.array(far_out(seen))
    assert table.note == {
        "judge": "line",
        "seed": 9,
        "method": "euler",
        "steps": 5,
        "score": "propagated",
        "guidance": 1.0,
        "draws": 200,
        "delta": 0.1,
        "bad_rate": bad.mean(),
    }
    said = replace(model, calibration=made)
    again = run(said, [sample.spec for sample in seen])
    confidence = np.array([sample.confidence for sample in again])
    accepted = confidence >= table.confidence[0]
    assert table.bound[0] > bad[accepted].mean()


def test_the_seed_of_the_reference_draws_is_refused(model: Model) -> None:
    made = calibrate(model, 20, seed=8, steps=2, quiet=True)
    with pytest.raises(ValueError, match="reference draws"):
        judged(model, made, far_out, "line", 100, 8, quiet=True)


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        (lambda samples: [True], "1 judgements on 100"),
        (lambda samples: [0.5] * 100, "True and False"),
    ],
)
def test_a_judge_that_does_not_judge_is_refused(model: Model, judge: Any, message: str) -> None:
    made = calibrate(model, 20, steps=2, quiet=True)
    with pytest.raises(ValueError, match=message):
        judged(model, made, judge, "line", 100, quiet=True)


def test_guidance_1_must_be_calibrated(model: Model) -> None:
    made = calibrate(model, 20, [2.0, 3.0], steps=2, quiet=True)
    with pytest.raises(ValueError, match="guidance 1"):
        judged(model, made, far_out, "line", 100, quiet=True)


def _raises(samples: list[Sample]) -> list[bool]:
    raise KeyError("label\nof a boot")


def _leaves(samples: list[Sample]) -> list[bool]:
    raise SystemExit(0)


def _mute(samples: list[Sample]) -> None:
    return None


def _wordy(samples: list[Sample]) -> list[str]:
    return ["bad"] * len(samples)


def _nested(samples: list[Sample]) -> list[list[float]]:
    return [[1.0, 2.0]] * len(samples)


@pytest.mark.parametrize("command", ["calibrate", "probe"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--judge", f"{__name__}:_raises"), "failed with KeyError: 'label"),
        (("--judge", f"{__name__}:_leaves"), "failed with SystemExit: 0"),
        (("--judge", f"{__name__}:_mute"), "failed with TypeError"),
        (("--judge", f"{__name__}:_wordy"), "failed with ValueError"),
        (("--judge", f"{__name__}:_nested"), "failed with TypeError"),
        (("--judge-command", "/no/such/judge"), "No such file"),
        (("--judge-command", "/etc/passwd --x"), "Permission denied"),
        (("--judge-command", "judge 'unclosed"), "is no command: No closing quotation"),
        (("--judge-command", "false"), "ended with code 1"),
    ],
)
def test_a_judge_that_fails_is_named(
    tmp_path: Path, command: str, options: tuple[str, str], message: str
) -> None:
    network = {"kind": "mlp", "shape": [2], "width": 8, "layers": 1}
    save(tmp_path, CheckpointConfig(name="one", network=network, media="vector"), build(network))
    few = {"calibrate": ("--other-draws", "0", "--judged-draws", "100"), "probe": ()}[command]
    asked = [command, str(tmp_path), "--draws", "10", *few, "--quiet", *options]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: judge: {options[1]!r}"), done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / CALIBRATION).exists()


@pytest.mark.parametrize("module", ["def f(: pass", "raise RuntimeError('no gpu')", "1 / 0"])
def test_a_module_that_cannot_be_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    name = f"judge_{abs(hash(module))}"
    (tmp_path / f"{name}.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=f"judge: cannot import '{name}:f': "):
        by_function(f"{name}:f")


@pytest.mark.parametrize("name", ["nonsense", "no.such:judge", f"{__name__}:COMMAND"])
def test_a_function_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="judge: "):
        by_function(name)


@pytest.mark.parametrize(
    ("code", "message"),
    [("raise SystemExit(3)", "ended with code 3"), ("print('bad')", "no number")],
)
def test_a_command_that_fails_is_reported(model: Model, code: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        by_command(f'{sys.executable} -c "{code}"')(run(model, [FlowSpec(1, 0, "euler", 1)]))


def test_a_certificate_of_another_setting_stands_beside_the_first(folder: Path) -> None:
    common = ["calibrate", str(folder), "--judged-draws", "200", "--quiet", "--judge", HERE]
    first = CliRunner().invoke(app, [*common, "--draws", "20", "--other-draws", "0"])
    assert first.exit_code == 0, first.output
    before = load(folder).card.calibrated
    assert "elsewhere" not in before
    kept = [*common, "--draws", "0", "--other-draws", "0"]
    done = CliRunner().invoke(app, [*kept, "--at", "heun:6", "--at", "heun:9"])
    assert done.exit_code == 0, done.output
    assert "heun:9: bad: " in done.output
    card = load(folder).card.calibrated
    assert card["conformal"] == before["conformal"]
    assert [each["setting"]["steps"] for each in card["elsewhere"]] == [6, 9]
    assert {each["judge"] for each in card["elsewhere"]} == {HERE}
    again = CliRunner().invoke(app, [*kept, "--at", "heun:6", "--judged-draws", "300"])
    assert again.exit_code == 0, again.output
    found = load(folder).card.calibrated["elsewhere"]
    assert [(each["setting"]["steps"], each["draws"]) for each in found] == [(9, 200), (6, 300)]
    # Confidence is measured anew at one of them, and interpolated from there at the other.
    measured = ["--draws", "0", "--other-draws", "400", "--at", "heun:6", "--quiet"]
    gone = CliRunner().invoke(app, ["calibrate", str(folder), *measured])
    assert gone.exit_code == 0, gone.output
    assert "2 of 3 certificates are gone" in gone.output
    left = load(folder).card.calibrated
    assert "elsewhere" not in left
    assert left["conformal"] == before["conformal"]


def test_certificates_go_where_confidence_is_another(folder: Path) -> None:
    """And only there: one of a setting between those that were measured, and not beyond."""
    model = load(folder)
    made = calibrate(model, 20, steps=4, seed=8, quiet=True)
    home, score = made.references[0], made.score
    far = Measured(home.at(32), {}, {score: 0.0})
    made = made.measured_anew(made.measured.renewed([far]))
    for steps in (4, 11, 64):
        table = judged(model, made, far_out, "line", 100, 9, True, home.at(steps))
        made = made.certified(table)
    assert [made.setting_of(each).value for each in made.elsewhere] == [4, 11, 64]
    square = Measured(home.at(8), {score: np.array([[0, 0.5, 1], [0, 0.25, 1]])}, {score: 0.0})
    after = made.measured_anew(made.measured.renewed([square]))
    assert [after.setting_of(each).value for each in after.elsewhere] == [4, 64]
    assert made.measured_anew(made.measured).elsewhere == made.elsewhere
    assert Calibration.decode(made.encode()).summary() == made.summary()


def test_both_kinds_of_judge_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "judge.py"
    script.write_text(COMMAND)
    few = ["--judged-draws", "200", "--other-draws", "0", "--quiet"]
    common = ["calibrate", str(folder), "--draws", "20", *few]
    cards = []
    for option in (["--judge", HERE], ["--judge-command", f"{sys.executable} {script}"]):
        done = CliRunner().invoke(app, [*common, *option])
        assert done.exit_code == 0, done.output
        assert "certified at 90 %" in done.output
        cards.append(load(folder).card.calibrated["conformal"])
    assert cards[0].pop("judge") == HERE
    assert cards[1].pop("judge").endswith("judge.py")
    assert cards[0] == cards[1]
    tables = load(folder).calibration
    kept = CliRunner().invoke(app, ["calibrate", str(folder), "--draws", "0", *few])
    assert kept.exit_code == 0, kept.output
    after = load(folder).calibration
    assert tables is not None
    assert after is not None
    assert after.summary() == tables.summary()
    assert CliRunner().invoke(app, common).exit_code == 0
    assert "conformal" not in load(folder).card.calibrated
    again = CliRunner().invoke(app, ["calibrate", str(folder), "--draws", "0", "--score", "late"])
    assert again.exit_code == 1
    both = CliRunner().invoke(app, [*common, "--judge", HERE, "--judge-command", "true"])
    assert both.exit_code == 1
    assert (folder / CALIBRATION).exists()
