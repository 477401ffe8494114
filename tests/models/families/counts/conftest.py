"""Known distributions of counts, and a small network that has learned nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import poisson

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.families.counts.engine import built
from sureflow.model import Model

MOST = 40
TWO_PEAKS = 0.6 * poisson.pmf(np.arange(MOST + 1), 3) + 0.4 * poisson.pmf(np.arange(MOST + 1), 18)
"""The law of a single count, from a source of Poisson's with mean 4."""

PAIRS = {(0, 6): 0.3, (5, 0): 0.3, (3, 3): 0.2, (8, 7): 0.2}
"""Vectors of two counts that depend on each other."""

NETWORK: dict[str, Any] = {
    "kind": "count_mlp",
    "components": ["CD3", "CD14", "LYZ", "NKG7"],
    "most": 15,
    "classes": 2,
    "mean": 2.0,
    "width": 16,
    "layers": 2,
}

Make = Callable[..., Model]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Writes the checkpoint of a network, and loads it."""
    root: Path = tmp_path_factory.mktemp("counts")

    def made(name: str, network: dict[str, Any], classes: tuple[str, ...] = ()) -> Model:
        torch.manual_seed(0)
        config = CheckpointConfig(
            name=name, network=network, family="counts", media="vector", classes=classes
        )
        save(root / name, config, built(network))
        return load(root / name)

    return made


@pytest.fixture(scope="session")
def peaks(make: Make) -> Model:
    """The exact posterior of :data:`TWO_PEAKS`."""
    rows = [[value] for value in range(MOST + 1)]
    table = {"kind": "count_table", "rows": rows, "weights": TWO_PEAKS.tolist(), "mean": 4.0}
    return make("peaks", table)


@pytest.fixture(scope="session")
def pairs(make: Make) -> Model:
    """The exact posterior of :data:`PAIRS`, each component by itself."""
    table = {"kind": "count_table", "rows": [*map(list, PAIRS)], "weights": [*PAIRS.values()]}
    return make("pairs", {**table, "mean": 2.0, "most": 12})


@pytest.fixture(scope="session")
def kinds(make: Make) -> Model:
    """Two classes: counts of 2 or 9."""
    table = {"kind": "count_table", "rows": [[2], [9]], "weights": [[0.9, 0.1], [0.1, 0.9]]}
    return make("kinds", {**table, "mean": 2.0}, ("low", "high"))


@pytest.fixture(scope="session")
def cells(make: Make) -> Model:
    """A small network of two classes whose components have names."""
    return make("cells", NETWORK, ("B", "T"))
