import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from sureflow.checkpoint import load
from sureflow.cli import app
from sureflow.training.config import read_config
from sureflow.training.run import fit, train
from tests.commands import invoke

CONFIG = """
name = "tiny"
[data]
name = "ring"
[network]
kind = "mlp"
shape = [2]
width = 16
layers = 1
[training]
objective = "velocity"
steps = 5
batch = 16
[variance]
objective = "variance"
steps = 5
batch = 16
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIG)
    return path


def test_train_then_fit(config: Path, tmp_path: Path) -> None:
    folder, read = tmp_path / "out", read_config(config)
    train(read, folder, tmp_path / "runs", quiet=True)
    before = load(folder)
    fit(folder, read, tmp_path / "runs", quiet=True, force=True)
    after = load(folder)
    x, t = torch.randn(6, 2), torch.rand(6)
    assert torch.equal(before.network(x, t), after.network(x, t))
    old, new = (model.network.moments(x, t).variance for model in (before, after))
    assert not torch.equal(old, new)
    provenance = after.card.provenance
    assert provenance["training"]["steps"] == provenance["variance"]["steps"] == 5
    assert provenance["data"].startswith("eight Gaussians")


def test_same_seed_same_checkpoint(config: Path, tmp_path: Path) -> None:
    for name in "ab":
        train(read_config(config), tmp_path / name, tmp_path / f"runs-{name}", quiet=True)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]


def test_shipped_configs_are_valid() -> None:
    for path in Path("models/configs").glob("*.toml"):
        assert read_config(path).name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("steps = 5", "steps = -5", "training.steps"),
        ("batch = 16", "batsh = 16", "training.batsh"),
        ('"ring"', '"moon"', "data.name"),
        ('"mlp"', '"warp"', "network.kind"),
        ("width = 16", "widht = 16", "network"),
    ],
)
def test_the_command_names_the_wrong_field(config: Path, old: str, new: str, field: str) -> None:
    config.write_text(config.read_text().replace(old, new))
    done = _sureflow("train", str(config), "--out", str(config.parent / "out"))
    assert done.returncode == 1
    assert field in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_end_to_end(config: Path, tmp_path: Path) -> None:
    out, runs = str(tmp_path / "out"), str(tmp_path / "runs")
    for command in (
        ("train", str(config), "--out", out, "--runs", runs, "--quiet"),
        ("fit", str(config), "--checkpoint", out, "--runs", runs, "--quiet", "--force"),
        ("calibrate", out, "--draws", "30", "--other-draws", "0", "--quiet"),
    ):
        done = _sureflow(*command)
        assert done.returncode == 0, done.stderr
    process = [sys.executable, "-X", "importtime", "-m", "sureflow", "inspect", out]
    done = subprocess.run(process, capture_output=True, text=True, check=False)
    assert " torch\n" in done.stderr
    assert " torch._dynamo\n" not in done.stderr, "a compiler that takes a second to import"
    card = json.loads(done.stdout)
    assert card["calibrated"]["draws"] == 30
    assert card["version"] == load(out).card.version


def _sureflow(*arguments: str) -> subprocess.CompletedProcess[str]:
    return invoke(partial(app, prog_name="sureflow"), *arguments)
