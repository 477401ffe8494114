"""Known distributions of words, and a small network of sequences that has learned nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.families.tokens.engine import built
from sureflow.model import Model

LETTERS = "abcd"
PAIRS = {a + b: 0.25 * (0.9 if a == b else 0.1 / 3) for a in LETTERS for b in LETTERS}
"""The second letter is the first with probability 0.9."""

WORDS = {"ab": 0.5, "abc": 0.25, "d": 0.15, "dcba": 0.1}
"""Sequences of different lengths."""

NETWORK: dict[str, Any] = {
    "kind": "sequence_transformer",
    "alphabet": "abcde",
    "length": 7,
    "width": 16,
    "layers": 2,
    "heads": 2,
    "conditions": {"size": {"mean": 1.0, "deviation": 2.0, "examples": ["1", "2.5"]}},
}

Make = Callable[[str, dict[str, Any]], Model]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Writes the checkpoint of a network, and loads it."""
    root: Path = tmp_path_factory.mktemp("tokens")

    def made(name: str, network: dict[str, Any]) -> Model:
        torch.manual_seed(0)
        config = CheckpointConfig(name=name, network=network, family="tokens", media="vector")
        save(root / name, config, built(network))
        return load(root / name)

    return made


def table(law: dict[str, float]) -> dict[str, Any]:
    """The network of a known distribution."""
    return {
        "kind": "sequence_table",
        "alphabet": LETTERS,
        "sequences": [*law],
        "weights": [*law.values()],
    }


@pytest.fixture(scope="session")
def pairs(make: Make) -> Model:
    """The exact posterior of :data:`PAIRS`."""
    return make("pairs", table(PAIRS))


@pytest.fixture(scope="session")
def words(make: Make) -> Model:
    """The exact posterior of :data:`WORDS`."""
    return make("words", table(WORDS))


@pytest.fixture(scope="session")
def letters(make: Make) -> Model:
    """A small network with a condition."""
    return make("letters", NETWORK)
