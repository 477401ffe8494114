from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sureflow.checkpoint import CheckpointError, load, version_of
from sureflow.cli import app
from sureflow.folders import embedded_folder
from sureflow.inspection import inspect, survey


def copy(tmp_path: Path, name: str = "fashion") -> Path:
    shutil.copytree(embedded_folder() / name, tmp_path / name)
    return tmp_path / name


def run(*arguments: Any) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def test_all_of_a_checkpoint_is_described(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    code, output = run("inspect", folder)
    assert code == 0
    told = json.loads(output)
    assert told == json.loads(json.dumps(inspect(folder)))
    card = load(folder).card
    assert (told["name"], told["version"]) == ("fashion", version_of(folder))
    assert told["calibrated"] == json.loads(json.dumps(card.calibrated))
    for name, file in told["files"].items():
        content = (folder / name).read_bytes()
        assert file == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert set(told["files"]) == {path.name for path in folder.iterdir()}
    shapes = told["tensors"]["model.safetensors"]
    sizes = {name: list(t.shape) for name, t in load(folder).network.state_dict().items()}
    assert {name: tensor["shape"] for name, tensor in shapes.items()} == sizes


def test_what_may_have_been_meant_is_said(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "unet.pt").touch()
    for asked, hint in (
        (tmp_path, "name one of fashion"),
        (foreign, "unet.pt is never read"),
        (folder / "config.json", "is a file"),
        ("fasion", "embedded checkpoints are"),
        (tmp_path / "nothing", "no such folder"),
    ):
        with pytest.raises(CheckpointError, match=hint):
            inspect(asked)
        code, output = run("inspect", asked)
        assert code == 1
        assert output.startswith("error: ")
        assert len(output.splitlines()) == 1


def test_models_are_listed_and_broken_ones_say_why(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    code, output = run("models", tmp_path)
    assert code == 0
    (line,) = output.splitlines()
    assert line.startswith("fashion ")
    assert version_of(folder) in line
    shutil.copytree(folder, tmp_path / "other")
    code, output = run("models", tmp_path)
    assert code == 1
    assert "other" in output
    assert "name is 'fashion', unlike the folder" in output
    assert [found.card is None for found in survey(tmp_path)] == [False, True]
    assert run("models", tmp_path / "absent") == (1, f"error: {tmp_path}/absent: no such folder\n")


def test_a_folder_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy(tmp_path)

    def slow(path: Path) -> str:
        weights = path / "model.safetensors"
        weights.write_bytes(weights.read_bytes())
        return version_of(path)

    monkeypatch.setattr("sureflow.checkpoint.version_of", slow)
    with pytest.raises(CheckpointError, match="changed while it was read"):
        load(folder)
