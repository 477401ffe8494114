"""Checkpoints with known answers, and servers that really run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sureflow.checkpoint import CALIBRATION, GRID, CheckpointConfig, load, save
from sureflow.evaluation.judged import judged
from sureflow.evaluation.reference import calibrate
from sureflow.lane import Sample
from sureflow.networks.registry import build
from sureflow.sampling.grid import Grid
from tests.server.running import Server, serving

POINTS: dict[str, Any] = {
    "kind": "gaussian_mixture",
    "weights": [1, 1, 2],
    "means": [[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]],
    "covariances": [0.1, 0.1, 0.3],
}
ICONS: dict[str, Any] = {
    "kind": "gaussian_mixture",
    "weights": [1, 1, 1],
    "means": [[0.9] * 8 + [-0.9] * 8, [0.9, -0.9] * 8, [-0.9, 0.9] * 8],
    "covariances": [0.1, 0.1, 0.1],
    "labels": [0, 1, 1],
    "shape": [1, 4, 4],
}


def make_checkpoint(folder: Path, network: dict[str, Any], **fields: Any) -> None:
    config = CheckpointConfig(name=folder.name, network=network, **fields)
    save(folder, config, build(network))


def least_sure_stripes(samples: list[Sample]) -> list[bool]:
    """Bad is the less sure third of the stripes."""
    stripes = [sample.uncertainty for sample in samples if sample.spec.label == 1]
    worst = np.quantile(stripes, 2 / 3)
    return [sample.spec.label == 1 and sample.uncertainty > worst for sample in samples]


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``points``: plane, no classes, uncalibrated. ``icons``: images, two classes, calibrated and
    judged, with a fitted grid."""
    root = tmp_path_factory.mktemp("models")
    make_checkpoint(root / "points", POINTS, media="vector")
    icons = root / "icons"
    make_checkpoint(icons, ICONS, media="image", classes=("half", "stripes"))
    made = calibrate(load(icons), 40, [1.0, 2.0], 5, quiet=True)
    table = judged(load(icons), made, least_sure_stripes, "by eye", 200, 6, quiet=True)
    replace(made, conformal=table).save(icons / CALIBRATION)
    Grid(np.array([0.5, -0.5, 1.0])).save(icons / GRID)
    return root


@pytest.fixture(scope="session")
def server(models_dir: Path) -> Iterator[Server]:
    """One server for all tests that leave it as they found it."""
    with serving("--models-dir", str(models_dir), "--default-model", "points") as running:
        yield running


@pytest.fixture
def start(models_dir: Path) -> Iterator[Callable[..., Server]]:
    """Start servers of one's own, with these options."""
    with ExitStack() as stack:

        def start(*options: str, models: Path = models_dir) -> Server:
            return stack.enter_context(serving("--models-dir", str(models), *options))

        yield start
