import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from sureflow.training.arrays import scaled
from sureflow.training.config import DataConfig
from sureflow.training.data import Ring, fashion_mnist, source_of


def test_fashion_mnist_reads_idx_files(tmp_path: Path) -> None:
    pixels = np.arange(2 * 28 * 28, dtype=np.uint32).astype(np.uint8)
    for name, header, body in (
        ("t10k-images-idx3-ubyte.gz", 16, pixels),
        ("t10k-labels-idx1-ubyte.gz", 8, np.array([3, 9], np.uint8)),
    ):
        with gzip.open(tmp_path / name, "wb") as file:
            file.write(bytes(header) + body.tobytes())
    images, labels = fashion_mnist("test", tmp_path)
    assert images.shape == (2, 1, 28, 28)
    assert images.flatten().tolist() == pixels.tolist()
    assert labels.tolist() == [3, 9]


def test_missing_data_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make data"):
        fashion_mnist("train", tmp_path / "absent")


def test_bytes_become_data_units() -> None:
    assert scaled(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]


def test_ring_has_its_moments() -> None:
    x, labels, _ = Ring().draw(20_000, torch.Generator().manual_seed(0))
    assert not labels.any()
    distance = (x[:, None] - Ring.centres()).norm(dim=-1).min(1).values
    assert float(distance.square().mean()) == pytest.approx(2 * 0.1**2, rel=0.05)
    assert float(x.square().sum(1).mean()) == pytest.approx(4 + 2 * 0.1**2, rel=0.02)


def test_unknown_source_is_refused() -> None:
    with pytest.raises(ValueError, match=r"data\.name"):
        source_of(DataConfig(name="moon"))
