"""A model of one's own, from its training to served samples: what comes of the example."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import sureflow
from sureflow.networks import register

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "bring_your_own.py"
PATHS = [ROOT / "models", ROOT / "server", ROOT / "clients" / "python"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the example ran, and what it printed."""
    folder = tmp_path_factory.mktemp("own")
    command = [sys.executable, str(EXAMPLE), "--out", "models"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PATHS))}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return folder, ended.stdout


def test_what_it_serves_ends_with_the_most_and_the_least_confident_samples(
    done: tuple[Path, str],
) -> None:
    folder, said = done
    rows = [line.split() for line in said.splitlines() if " sure " in line]
    assert [row[0] for row in rows] == ["most"] * 3 + ["least"] * 3
    confidence = [float(row[-1]) for row in rows]
    assert confidence == sorted(confidence, reverse=True)
    assert confidence[0] > 0.9
    assert confidence[-1] < 0.1
    assert f"wrote {folder / 'models' / 'moons'}, served at http://127.0.0.1:" in said
    names = {path.name for path in (folder / "models" / "moons").iterdir()}
    assert names == {"config.json", "model.safetensors", "calibration.safetensors"}


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bring_your_own", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_surest_of_its_samples_lie_nearest_to_the_data(done: tuple[Path, str]) -> None:
    """The data are two half circles of radius 1.5, so that the distance is known."""
    example = loaded()
    register(example.NAME, example.MoonFlow)
    samples = sureflow.sample(sureflow.load(done[0] / "models" / "moons"), 500, seed=1)
    angle = np.pi * np.linspace(0, 1, 2000)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    data = 1.5 * (np.concatenate([upper, np.array([1.0, 0.5]) - upper]) - np.array([0.5, 0.25]))
    points = np.stack([one.data for one in sorted(samples, key=lambda one: -one.confidence)])
    far = np.linalg.norm(points[:, None] - data, axis=2).min(1)
    surest, whole, last = far[:50].mean(), far.mean(), far[-50:].mean()
    assert surest < 0.75 * whole < whole < last
    said = done[1].partition("mean distance to the moons:")[2].split()
    told = [float(number) for number in said if number.startswith("0.")]
    np.testing.assert_allclose(told, [surest, whole, last], atol=1e-3)


def test_it_draws_them(done: tuple[Path, str]) -> None:
    path = done[0] / "moons.png"
    assert path.exists()
    with Image.open(path) as picture:
        assert picture.size == (600, 360)
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 100
