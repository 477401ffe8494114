from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from stubs import Scripted

from sureflow.checkpoint import CheckpointConfig, CheckpointError, save
from sureflow.families.flow.process import JVP
from sureflow.networks import registry
from sureflow_server.engine.loader import fetch, load_all
from sureflow_server.engine.messages import Loading, Ready, Resting, WorkerConfig
from sureflow_server.engine.model_cache import ModelCache


def loaded(root: Path) -> Ready:
    ready, cache = load_all(WorkerConfig(root, capacity=5, threads=1, device="cpu"))
    samplers = cache.samplers
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
    _, cache = load_all(WorkerConfig(models_dir, capacity=2, threads=1, device="cpu"))
    for sampler in cache.samplers.values():
        assert sampler.model.card.differentiable
        assert JVP in sampler.heads


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


def test_tables_of_another_network_are_not_served(models_dir: Path, tmp_path: Path) -> None:
    root = tmp_path / "models"
    shutil.copytree(models_dir, root)
    config = json.loads((root / "icons" / "config.json").read_text())
    config["network"]["floor"] = 0.1
    (root / "icons" / "config.json").write_text(json.dumps(config))
    ready = loaded(root)
    cards = {card.name: card for card in ready.cards}
    assert cards["icons"].calibrated == {}
    assert len(cards["icons"].warnings) == 2, "the tables and the grid"
    assert cards["points"].warnings == ()
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


class Odds(Scripted):
    """Conditioned on the logarithm of the odds of the time, which has none at both ends."""

    def __init__(self) -> None:
        super().__init__(lambda x, t, label: x + torch.log(t / (1 - t))[:, None])


class Crowd(Scripted):
    """Subtracts the mean over the batch."""

    def __init__(self) -> None:
        super().__init__(lambda x, t, label: x - x.mean(0))


@pytest.mark.parametrize(
    ("network", "reason"),
    [(Odds, "velocity is not finite at t = 0"), (Crowd, "depends on the rows beside it")],
)
def test_a_network_that_cannot_be_served_harms_no_other(
    network: type[Scripted], reason: str, models_dir: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setitem(registry._factories, "strange", network)
    root = tmp_path / "models"
    shutil.copytree(models_dir, root)
    config = CheckpointConfig(name="strange", media="vector", network={"kind": "strange"})
    save(root / "strange", config, network())
    ready = loaded(root)
    assert [card.name for card in ready.cards] == ["icons", "points"]
    assert reason in ready.failures["strange"]


def test_a_folder_that_goes_while_it_is_loaded_harms_no_other(
    models_dir: Path, tmp_path: Path, monkeypatch
) -> None:
    root = tmp_path / "models"
    shutil.copytree(models_dir, root)

    class Going(Scripted):
        def __init__(self) -> None:
            super().__init__(lambda x, t, label: x)
            shutil.rmtree(root / "going", ignore_errors=True)

    network = Scripted(lambda x, t, label: x)
    config = CheckpointConfig(name="going", media="vector", network={"kind": "going"})
    save(root / "going", config, network)
    monkeypatch.setitem(registry._factories, "going", Going)
    ready = loaded(root)
    assert [card.name for card in ready.cards] == ["icons", "points"]
    assert "going" in ready.failures["going"]


def test_a_folder_that_has_harmed_others_is_not_touched(models_dir: Path) -> None:
    said = {"icons": "the worker process was silent for 9 s while loading it"}
    config = WorkerConfig(models_dir, capacity=2, threads=1, device="cpu", faulty=said)
    begun: list[Loading] = []
    ready, _ = load_all(config, begun.append)
    assert [each.model for each in begun] == ["points"]
    assert ready.failures == said


def test_files_and_hidden_folders_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()
    (tmp_path / ".cache").mkdir()
    assert loaded(tmp_path) == Ready(str(tmp_path), (), {}, {})


def test_a_folder_that_is_not_there_holds_no_models(tmp_path: Path) -> None:
    assert loaded(tmp_path / "absent").cards == ()


def limited(root: Path, model_bytes: int, **options: Any) -> tuple[Ready, ModelCache]:
    config = WorkerConfig(root, capacity=2, threads=1, device="cpu", model_bytes=model_bytes)
    return load_all(replace(config, **options))


def test_with_too_little_memory_the_last_ones_stay(models_dir: Path) -> None:
    """Every model has been there and has generated, and what it takes is known."""
    whole, _ = limited(models_dir, 1 << 40)
    sizes = whole.nbytes
    assert set(sizes) == set(whole.resident) == {"icons", "points"}
    for last in sizes:
        ready, cache = limited(models_dir, max(sizes.values()), last=(last,))
        assert [card.name for card in ready.cards] == ["icons", "points"]
        assert set(ready.tick_s) == {"icons", "points"}
        assert (ready.resident, {*cache.samplers}, ready.nbytes) == ((last,), {last}, sizes)
    ready, cache = limited(models_dir, min(sizes.values()))
    (larger,) = ready.failures
    assert sizes[larger] == max(sizes.values())
    assert f"takes {sizes[larger]} bytes" in ready.failures[larger]
    assert larger not in cache.samplers


def test_what_is_known_need_not_be_loaded(models_dir: Path) -> None:
    whole, _ = limited(models_dir, 1 << 40)
    icons = next(card for card in whole.cards if card.name == "icons")
    resting = Resting(icons, whole.tick_s["icons"], whole.nbytes["icons"])
    begun: list[Loading] = []
    config = WorkerConfig(models_dir, 2, 1, "cpu", model_bytes=1 << 40, resting=(resting,))
    ready, cache = load_all(config, begun.append)
    assert [each.model for each in begun] == ["points"]
    assert ready.cards == whole.cards
    assert ready.nbytes == whole.nbytes
    assert ready.resident == (*cache.samplers,) == ("points",)


def test_what_is_fetched_must_be_what_was_known(models_dir: Path, tmp_path: Path) -> None:
    config = WorkerConfig(models_dir, 2, 1, "cpu")
    card = fetch(models_dir / "points", config).model.card
    assert fetch(models_dir / "points", config, card).model.card == card
    with pytest.raises(CheckpointError, match="has changed"):
        fetch(models_dir / "points", config, replace(card, version="sha256:0"))
