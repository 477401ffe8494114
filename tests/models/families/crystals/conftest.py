"""Small networks of crystals, which have learned nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.model import Model
from sureflow.networks import build

NETWORK = {
    "kind": "crystal",
    "atoms": [2, 3, 4, 6],
    "width": 32,
    "layers": 1,
    "embedding": 32,
    "examples": ["NaCl", "MgF2", "CaO"],
}


@pytest.fixture(scope="session")
def crystals(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model of crystals."""
    folder: Path = tmp_path_factory.mktemp("crystals") / "small"
    torch.manual_seed(0)
    config = CheckpointConfig(name="small", network=NETWORK, family="crystals", media="vector")
    save(folder, config, build(NETWORK))
    return load(folder)
