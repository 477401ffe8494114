"""Block sizes that another process verifies, while nobody has loaded the model yet."""

from __future__ import annotations

import os
import time
from importlib import import_module
from pathlib import Path

import pytest

from sureflow.folders import checkpoint_folders
from sureflow_server.engine import ahead
from sureflow_server.engine.ahead import verified_ahead
from sureflow_server.engine.loader import fetch, load_all
from sureflow_server.engine.messages import WorkerConfig
from tests.server.running import eventually, gone


@pytest.fixture(autouse=True)
def _forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process may have threads, which do no harm to what is tested; and there is room."""
    monkeypatch.setattr(ahead, "can_fork", lambda: True)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def config(verified: Path | None, models: Path | None = None) -> WorkerConfig:
    return WorkerConfig(models, 2, 1, "cpu", verified_dir=verified)


def children() -> set[int]:
    return {*map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())}


def by_size(folders: list[Path]) -> list[Path]:
    return sorted(folders, key=lambda each: (each / "model.safetensors").stat().st_size)


def test_models_are_verified_by_another_process(models_dir: Path, tmp_path: Path) -> None:
    before, verified = children(), tmp_path / "verified"
    folders = checkpoint_folders(models_dir)
    with verified_ahead(folders, config(verified)) as in_order:
        (child,) = children() - before
        eventually(lambda: gone(child))
        assert [folder for folder, _ in in_order] == by_size(folders)
    assert children() == before
    stamps = {file: file.stat().st_mtime_ns for file in verified.glob("*.json")}
    assert len(stamps) == len(folders)
    ready, _ = load_all(config(verified, models_dir))
    assert not ready.failures
    assert stamps == {file: file.stat().st_mtime_ns for file in stamps}, "believed"


@pytest.mark.parametrize("times", ["first", "later"])
def test_what_it_has_seen_is_not_looked_at_again(
    times: str, models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = tmp_path / "verified"
    if times == "later":
        load_all(config(verified, models_dir))
    before, folders = children(), checkpoint_folders(models_dir)
    with verified_ahead(folders, config(verified)) as in_order:
        (child,) = children() - before
        eventually(lambda: gone(child))
        seen = dict(in_order)
    monkeypatch.setattr(module := import_module("sureflow.sampling.verified"), "_confirmed", fail)
    monkeypatch.setattr(module, "verified_costs", fail)
    assert all(fetch(folder, config(verified), seen=seen[folder]) for folder in folders)
    with pytest.raises(AssertionError, match="looked at"):
        fetch(folders[0], config(verified))


def fail(*_: object) -> None:
    raise AssertionError("it was looked at")


@pytest.mark.parametrize("ends", [False, True], ids=["goes on", "ends"])
def test_what_it_is_at_is_waited_for(
    ends: bool, models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins with the largest, which the others come to last."""

    def verify(folder: Path, config: WorkerConfig) -> set[str]:
        time.sleep(0.3)
        (tmp_path / folder.name).touch()
        if ends:
            os._exit(1)
        return {folder.name}

    monkeypatch.setattr(ahead, "_verify_heads", verify)
    folders = checkpoint_folders(models_dir)
    with verified_ahead(folders, config(tmp_path / "verified")) as in_order:
        for folder, seen in in_order:
            is_last = folder == by_size(folders)[-1]
            assert (tmp_path / folder.name).exists() == is_last
            assert seen == ({folder.name} if is_last and not ends else set())


def test_it_ends_with_the_loading_however_far_it_is(models_dir: Path, tmp_path: Path) -> None:
    before = children()
    with (
        pytest.raises(RuntimeError, match="over"),
        verified_ahead(checkpoint_folders(models_dir), config(tmp_path)),
    ):
        raise RuntimeError("over")
    assert children() == before


@pytest.mark.parametrize("why", ["one folder", "one core", "own models", "threads"])
def test_there_is_none_where_it_would_not_help(
    why: str, models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = checkpoint_folders(models_dir)
    if why == "one core":
        monkeypatch.setattr(os, "cpu_count", lambda: 1)
    if why == "threads":
        monkeypatch.setattr(ahead, "can_fork", lambda: False)
    own = models_dir if why == "own models" else None
    before = children()
    chosen = folders[:1] if why == "one folder" else folders
    with verified_ahead(chosen, config(tmp_path, own)) as in_order:
        assert children() == before
        assert [*in_order] == [(folder, set()) for folder in chosen]
