"""A variance beside an imported network, fitted to the digits that it was trained on."""

from __future__ import annotations

import shutil
from pathlib import Path

import sureflow
from benchmarks.foreign.imported import HOME
from benchmarks.foreign.peer import Peer
from sureflow.checkpoint import read_config
from sureflow.model import Model
from sureflow.training.config import DataConfig, TrainConfig, VarianceConfig
from sureflow.training.run import fit

STEPS = 600


def fitted(peer: Peer, folder: Path, steps: int = STEPS) -> Model:
    """The imported model with a variance; from its folder, if it was fitted before."""
    made = folder / "fitted" / peer.name
    if not (made / "config.json").exists():
        shutil.copytree(folder / HOME / peer.name, made, dirs_exist_ok=True)
        described = read_config(made)
        config = TrainConfig(
            name=peer.name,
            data=DataConfig(
                name="file", path=folder / "digits.safetensors", names=described.classes
            ),
            network={**described.network, "variance": "beside"},
            variance=VarianceConfig(steps=steps, warmup=50, ema=0.99),
        )
        fit(made, config, folder / "runs", quiet=True)
    return sureflow.load(made)
