from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sureflow_server.engine.loader import load_all
from sureflow_server.engine.messages import Ready, WorkerConfig


def loaded(root: Path) -> Ready:
    ready, samplers = load_all(WorkerConfig(root, capacity=5, threads=1, device="cpu"))
    assert set(samplers) == {card.name for card in ready.cards}
    assert all((s.running, s.free) == (0, 10) for s in samplers.values()), "the warm-up is over"
    assert {model: len(seconds) for model, seconds in ready.tick_s.items()} == dict.fromkeys(
        samplers, 6
    )
    for seconds in ready.tick_s.values():
        assert 0 == seconds[0] < seconds[1] <= seconds[5]
    return ready


def test_derivatives_are_ready_before_anybody_asks(models_dir: Path) -> None:
    """Their row counts are verified in the warm-up, not in a tick that others share."""
    _, samplers = load_all(WorkerConfig(models_dir, capacity=2, threads=1, device="cpu"))
    for sampler in samplers.values():
        assert sampler.model.card.differentiable
        assert "directional" in vars(sampler.model)


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5])


def garble(folder: Path) -> None:
    (folder / "config.json").write_text('{"format": 1, "name": ')


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def rename(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "name": "points"}))


def test_every_folder_becomes_a_model(models_dir: Path) -> None:
    ready = loaded(models_dir)
    assert ready.folder == str(models_dir)
    assert [card.name for card in ready.cards] == ["icons", "points"]
    assert ready.failures == {}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (truncate, "model.safetensors"),
        (garble, "config.json"),
        (empty, "config.json"),
        (rename, "name is 'points'"),
    ],
)
def test_a_broken_folder_harms_no_other(
    damage: Callable[[Path], None], reason: str, models_dir: Path, tmp_path: Path
) -> None:
    root = tmp_path / "models"
    shutil.copytree(models_dir, root)
    damage(root / "icons")
    ready = loaded(root)
    assert [card.name for card in ready.cards] == ["points"]
    (message,) = ready.failures.values()
    assert str(root / "icons") in message
    assert reason in message


def test_files_and_hidden_folders_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    (tmp_path / ".cache").mkdir()
    assert loaded(tmp_path) == Ready(str(tmp_path), (), {}, {})


def test_a_folder_that_is_not_there_holds_no_models(tmp_path: Path) -> None:
    assert loaded(tmp_path / "absent").cards == ()
