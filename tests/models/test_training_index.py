"""Nearest neighbours against a search of all distances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from sureflow.training_index import COPIED, TrainingIndex

DRAW = np.random.default_rng(0)
DATA = DRAW.standard_normal((300, 3, 4)).astype(np.float32)


def searched(points: Any, x: Any) -> tuple[int, float, float]:
    """Number of the nearest, and the two least distances."""
    apart = np.sqrt(np.square(points.astype(np.float64) - x).reshape(len(points), -1).sum(1))
    first, second = np.argsort(apart)[:2]
    return int(first), float(apart[first]), float(apart[second])


def test_neighbours_are_the_nearest() -> None:
    index = TrainingIndex.of(DATA)
    for x in DRAW.standard_normal((50, 3, 4)).astype(np.float32):
        number, first, second = searched(DATA, x)
        found = index.find(x)
        assert found.number == number
        assert found.distance == pytest.approx(first)
        assert found.novelty == pytest.approx(first / second)


def test_a_copy_is_found_though_it_is_not_exact() -> None:
    index = TrainingIndex.of(DATA)
    noise = 0.01 * DRAW.standard_normal(DATA.shape[1:]).astype(np.float32)
    found = index.find(DATA[7] + noise)
    assert found.number == 7
    assert found.novelty < 0.05 < COPIED
    assert index.find(DATA[7]).novelty == 0


def test_of_duplicates_the_first_counts() -> None:
    twice = np.concatenate([DATA[:20], DATA[:20]])
    index = TrainingIndex.of(twice, begin=100)
    assert len(index) == 20
    found = index.find(DATA[3])
    assert (found.novelty, found.number) == (0.0, 103)


def test_components_keep_what_they_span() -> None:
    flat = DRAW.standard_normal((200, 3)) @ DRAW.standard_normal((3, 12))
    data = flat.reshape(200, 3, 4).astype(np.float32)
    index, whole = TrainingIndex.of(data, 3), TrainingIndex.of(data)
    for x in data[::20] + 0.05 * data[::-20]:
        assert index.find(x).number == whole.find(x).number
        assert index.find(x).novelty == pytest.approx(whole.find(x).novelty, abs=1e-3)


@pytest.mark.parametrize("components", [None, 5])
def test_an_index_is_what_was_written(tmp_path: Path, components: int | None) -> None:
    index = TrainingIndex.of(DATA, components, "noise", 10)
    index.save(tmp_path / "index.safetensors")
    read = TrainingIndex.load(tmp_path / "index.safetensors")
    assert read.settings == {"data": "noise", "samples": 300, "components": components}
    assert read.find(DATA[0] * 0.9) == index.find(DATA[0] * 0.9)
    with pytest.raises(ValueError, match="has shape"):
        read.find(DATA[0][0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": None}, "holds"),
        ({"points": DATA.reshape(300, 12).astype(np.float64)}, "float32"),
        ({"points": np.full((300, 12), np.nan, np.float32)}, "finite"),
        ({"points": DATA.reshape(600, 6)}, "are no"),
        ({"numbers": np.arange(3)}, "are no"),
        ({"points": DATA.reshape(300, 12)[:1], "numbers": np.arange(1)}, "two different"),
        ({"axes": np.zeros((3, 5), np.float32), "mean": np.zeros(5, np.float32)}, "are no"),
    ],
)
def test_damage_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "index.safetensors"
    whole = {"points": DATA.reshape(300, 12), "numbers": np.arange(300)} | changes
    arrays = {name: value for name, value in whole.items() if value is not None}
    save_file(arrays, path, metadata={"settings": '{"shape": [3, 4]}'})
    with pytest.raises(ValueError, match=message):
        TrainingIndex.load(path)


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="two different"):
        TrainingIndex.of(np.ones((5, 2), np.float32))
    with pytest.raises(ValueError, match="components"):
        TrainingIndex.of(DATA, 13)
