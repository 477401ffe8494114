from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch

from sureflow.evaluation import digit_reader
from sureflow.evaluation.digit_reader import DigitReader


def test_weights_are_read_as_plain_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    made = DigitReader().eval()
    (tmp_path / "models").mkdir()
    torch.save(made.state_dict(), tmp_path / "models" / "handwriting_model.pth")
    found = ModuleSpec("digit_recognizer", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(digit_reader, "find_spec", lambda name: found)
    images = torch.rand(7, 1, 28, 28) * 2 - 1
    assert torch.equal(DigitReader.load().read(images), made(images).argmax(1))


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digit_reader, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="make data"):
        DigitReader.load()
