"""The masked objective: what is hidden, and that it learns a law that is known."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sureflow.checkpoint import load
from sureflow.networks.sequence_table import SequenceTable
from sureflow.networks.sequence_transformer import SequenceTransformer
from sureflow.training.arrays import Arrays
from sureflow.training.config import TrainConfig, TrainingConfig
from sureflow.training.masked import points, surprises
from sureflow.training.run import train

CONDITIONS = {"size": {"mean": 0.0, "deviation": 1.0}}


def codes(*texts: str, length: int = 2) -> torch.Tensor:
    rows = torch.zeros(len(texts), length)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = torch.tensor([*map(ord, text)])
    return rows


def source(samples: torch.Tensor) -> Arrays:
    given = {"size": torch.ones(len(samples), 1)}
    return Arrays(samples, torch.zeros(len(samples), dtype=torch.long), (), "texts", given)


def test_every_number_of_tokens_is_hidden_as_often() -> None:
    network = SequenceTransformer("ab", 5, 8, 1, 2, CONDITIONS)
    config = TrainingConfig(steps=1, batch=50, label_dropout=0.2)
    data = source(codes("ab", "babab", length=5))
    counts, given = torch.zeros(6), []
    for seed in range(40):
        made = points(network, data, config, torch.Generator().manual_seed(seed))
        hidden = made.seen == network.mask
        assert torch.equal(made.seen[~hidden], made.tokens[~hidden])
        counts += torch.bincount(hidden.sum(1), minlength=6)
        given.append(made.given["size"])
    assert counts.tolist() == [0, 400, 400, 400, 400, 400]
    dropped = (torch.cat(given) == network.conditions["size"].null).float().mean()
    assert dropped == pytest.approx(0.2, abs=4 * (0.16 / 2000) ** 0.5)


def test_the_exact_posterior_has_the_least_surprise() -> None:
    """Of pairs of equal letters: ln 2 for both hidden, nothing for one."""
    network = SequenceTable("ab", ["aa", "bb"], [1.0, 1.0])
    config = TrainingConfig(steps=1, batch=64)
    made = points(network, source(codes("aa", "bb")), config, torch.Generator().manual_seed(0))
    found = surprises(network, made)
    both = (made.seen == network.mask).all(1)
    assert found[both].numpy() == pytest.approx(math.log(2), rel=1e-5)
    assert found[~both].abs().max() < 1e-6


def test_a_network_learns_pairs(tmp_path: Path) -> None:
    """To within a tenth of a nat of the exact one, by the command's own way."""
    samples = codes(*["aa", "bb", "cc", "a"] * 64)
    size = torch.ones(len(samples), 1)
    save_file({"samples": samples, "conditions.size": size}, tmp_path / "pairs.safetensors")
    config = TrainConfig.model_validate(
        {
            "name": "pairs",
            "family": "tokens",
            "data": {"name": "file", "path": tmp_path / "pairs.safetensors"},
            "network": {
                "kind": "sequence_transformer",
                "alphabet": "abc",
                "length": 2,
                "width": 16,
                "layers": 1,
                "heads": 2,
                "conditions": CONDITIONS,
            },
            "training": {"objective": "masked", "steps": 150, "warmup": 10, "learning_rate": 1e-2},
        }
    )
    train(config, tmp_path / "out", tmp_path / "runs", quiet=True)
    model = load(tmp_path / "out")
    assert model.card.family == "tokens"
    exact = SequenceTable("abc", ["aa", "bb", "cc", "a"], [1.0] * 4)
    settings = TrainingConfig(steps=1, batch=512)
    made = points(model.network, source(samples), settings, torch.Generator().manual_seed(3))
    least = surprises(exact, made).mean().item()
    with torch.inference_mode():
        assert surprises(model.network, made).mean().item() < least + 0.1
