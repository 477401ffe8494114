"""Targets of which the law is known, as checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.families.annealed.targets import build
from sureflow.families.annealed.targets.mixture import Mixture
from sureflow.model import Model

APART = [[-4.0, 0.0], [4.0, 1.0], [0.0, -5.0]]
SHARES = [0.5, 0.3, 0.2]
WIDTHS = [0.6, 0.9, 0.7]


def made(folder: Path, network: dict[str, Any], state: dict[str, Any] | None = None) -> Model:
    """The model of a network's description, with this state of its energy."""
    target = build(network)
    if state:
        target.energy.load_state_dict(state)
    config = CheckpointConfig(name=folder.name, family="annealed", media="vector", network=network)
    save(folder, config, target)
    return load(folder)


@pytest.fixture(scope="session")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Three modes in the plane, far apart; the constant is 1."""
    arguments = {"modes": 3, "dimension": 2}
    network = {"kind": "mixture", "arguments": arguments, "dimension": 2, "scale": 5.0}
    state = Mixture.of(APART, WIDTHS, SHARES).state_dict()
    return made(tmp_path_factory.mktemp("annealed") / "mixture", network, state)


@pytest.fixture(scope="session")
def gaussian(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """One mode ``N((1, -1), 0.5^2)``."""
    arguments = {"modes": 1, "dimension": 2}
    network = {"kind": "mixture", "arguments": arguments, "dimension": 2, "scale": 2.0}
    state = Mixture.of([[1.0, -1.0]], [0.5], [1.0]).state_dict()
    return made(tmp_path_factory.mktemp("annealed") / "gaussian", network, state)


@pytest.fixture
def draws() -> torch.Generator:
    """A source of exact draws."""
    return torch.Generator().manual_seed(0)
