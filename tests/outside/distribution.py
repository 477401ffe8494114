"""The distribution from outside, installed in a folder, and a checkpoint of its family."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

ENTRY_POINTS = """
[sureflow.solvers]
ralston = sureflow_outside.ralston:RALSTON

[sureflow.scores]
path_length = sureflow_outside.meanings:PATH_LENGTH

[sureflow.families]
births = sureflow_outside.counts:FAMILY
"""

START, BIRTH, DEATH = (
    np.array([9.0, 2.0, 0.5]),
    np.array([3.0, 8.0, 0.0]),
    np.array([2.0, 1.0, 3.0]),
)


def install(folder: Path) -> Path:
    """Make a folder in which the distribution is installed."""
    source = Path(__file__).parent / "sureflow_outside"
    shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    info = folder / "sureflow_outside-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sureflow-outside\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


def make_population(folder: Path) -> None:
    """A checkpoint of the family that is not ours, as anybody might write it."""
    folder.mkdir(parents=True)
    tensors = {"start": START, "birth": BIRTH, "death": DEATH}
    save_file(
        {name: tensor.astype(np.float32) for name, tensor in tensors.items()},
        folder / "model.safetensors",
    )
    config = {
        "format": 1,
        "family": "births",
        "name": folder.name,
        "media": "vector",
        "network": {"size": len(START)},
    }
    (folder / "config.json").write_text(json.dumps(config))
