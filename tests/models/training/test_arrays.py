from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sureflow.training.arrays import Arrays
from sureflow.training.config import DataConfig, read_config
from sureflow.training.data import source_of


def _file(folder: Path, **tensors: Tensor) -> Path:
    save_file(tensors, folder / "data.safetensors")
    return folder / "data.safetensors"


def test_samples_and_labels_stay_together(tmp_path: Path) -> None:
    labels = torch.arange(50) % 3
    path = _file(tmp_path, samples=labels[:, None].float() * torch.ones(4), labels=labels)
    source = source_of(DataConfig(name="file", path=path))
    x, label, _ = source.draw(200, torch.Generator().manual_seed(0))
    assert torch.equal(x, label[:, None].float().expand(200, 4))
    assert set(label.tolist()) == {0, 1, 2}
    assert source.names == ("0", "1", "2")


def test_images_without_labels(tmp_path: Path) -> None:
    path = _file(tmp_path, samples=torch.rand(5, 1, 4, 4))
    source = source_of(DataConfig(name="file", path=path))
    x, label, _ = source.draw(7, torch.Generator().manual_seed(0))
    assert source.names == ()
    assert x.shape == (7, 1, 4, 4)
    assert label.tolist() == [0] * 7


def test_a_part_of_the_file(tmp_path: Path) -> None:
    path = _file(tmp_path, samples=torch.arange(10.0)[:, None], labels=torch.arange(10))
    source = source_of(DataConfig(name="file", path=path, first=3, count=2))
    x, label, _ = source.draw(50, torch.Generator().manual_seed(0))
    assert set(x.flatten().tolist()) == set(label.tolist()) == {3, 4}
    assert source.description == "data.safetensors, samples 3 to 5"
    assert len(source.names) == 10


def test_classes_can_be_named(tmp_path: Path) -> None:
    path = _file(tmp_path, samples=torch.rand(3, 1), labels=torch.tensor([0, 1, 0]))
    assert source_of(DataConfig(name="file", path=path, names=("up", "down", "off"))).names == (
        "up",
        "down",
        "off",
    )


X, Y = torch.rand(4, 2), torch.tensor([0, 1, 2, 1])


@pytest.mark.parametrize(
    ("tensors", "settings", "message"),
    [
        ({"points": X}, {}, r"data\.path: .* has no tensor named samples"),
        ({"samples": X.double()}, {}, r"data\.path: samples must be .*; they are float64 \[4, 2\]"),
        ({"samples": X[:, 0]}, {}, r"data\.path: samples must be .*; they are float32 \[4\]"),
        ({"samples": X / 0}, {}, r"data\.path: samples must be finite"),
        ({"samples": X, "labels": Y[:3]}, {}, r"data\.path: labels must be int64 \[4\]"),
        ({"samples": X, "labels": Y.int()}, {}, r"data\.path: labels .*; they are int32 \[4\]"),
        ({"samples": X, "labels": Y - 1}, {}, r"data\.path: labels must be .*, from 0"),
        ({"samples": X, "labels": Y}, {"names": ("a", "b")}, r"data\.names: 2 names, .* go to 2"),
        ({"samples": X}, {"names": ("a", "b")}, r"data\.names: .* no tensor named labels"),
        ({"samples": X}, {"first": 4}, r"data\.first: 4 is past the last of 4"),
        ({"samples": X[:0]}, {}, r"data\.first: 0 is past the last of 0"),
    ],
)
def test_unfit_file_is_named_with_its_field(
    tmp_path: Path, tensors: dict[str, Tensor], settings: dict[str, object], message: str
) -> None:
    path = _file(tmp_path, **{name: tensor.contiguous() for name, tensor in tensors.items()})
    with pytest.raises(ValueError, match=message):
        source_of(DataConfig.model_validate({"name": "file", "path": path, **settings}))


def test_missing_or_foreign_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data\.path: needed"):
        source_of(DataConfig(name="file"))
    path = tmp_path / "data.npy"
    with pytest.raises(ValueError, match=r"data\.path: .*data\.npy"):
        source_of(DataConfig(name="file", path=path))
    path.write_bytes(b"\x93NUMPY junk")
    with pytest.raises(ValueError, match=r"data\.path: .*data\.npy"):
        source_of(DataConfig(name="file", path=path))


def test_path_is_relative_to_the_configuration(tmp_path: Path) -> None:
    text = 'name = "a"\n[network]\n[data]\nname = "file"\npath = "{}"\n'
    (tmp_path / "a.toml").write_text(text.format("sets/data.safetensors"))
    assert read_config(tmp_path / "a.toml").data.path == tmp_path / "sets" / "data.safetensors"
    (tmp_path / "a.toml").write_text(text.format("/sets/data.safetensors"))
    assert read_config(tmp_path / "a.toml").data.path == Path("/sets/data.safetensors")


def test_labels_can_be_hidden(tmp_path: Path) -> None:
    path = _file(tmp_path, samples=X, labels=Y)
    source = source_of(DataConfig(name="file", path=path))
    assert isinstance(source, Arrays)
    hidden = source.unlabelled()
    (x, label, _), (same, *_) = (
        each.draw(20, torch.Generator().manual_seed(0)) for each in (hidden, source)
    )
    assert torch.equal(x, same)
    assert not label.any()
    assert hidden.names == ()
