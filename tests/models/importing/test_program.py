"""Files of programs are read, and any other file is refused in a sentence."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from sureflow.importing.adapter import Adapter
from sureflow.importing.program import read_program
from sureflow.importing.program_file import recognise_program
from sureflow.networks.foreign.exported import exported
from tests.models.networks.foreign.programs import Scaled, image, rows, scaled


def test_an_exported_program(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    path.write_bytes(image())
    found = read_program(path)
    assert (found.kind, found.fixed, found.note) == ("exported", None, "")
    assert [(each.name, each.shape) for each in found.inputs] == [
        ("x", (None, 1, 6, 6)),
        ("t", (None,)),
        ("label", (None,)),
    ]
    assert [(each.name, each.shape) for each in found.outputs] == [("sample", (None, 1, 6, 6))]
    network = exported(len(found.data))
    network.load_state_dict({"program": found.data})
    assert network(*rows(2))["sample"].shape == (2, 1, 6, 6)


def test_one_for_fixed_rows(tmp_path: Path) -> None:
    path = tmp_path / "net.bin"
    path.write_bytes(scaled())
    found = read_program(path)
    assert found.fixed == 2
    assert "exactly 2 rows" in found.note
    assert [(each.name, each.shape) for each in found.outputs] == [("", (2, 3))]


def test_an_onnx_model(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from tests.models.networks.foreign.onnx_models import convolution

    path = tmp_path / "net.onnx"
    path.write_bytes(convolution(4).SerializeToString())
    found = read_program(path)
    assert (found.kind, found.fixed) == ("onnx", 4)
    assert [(each.name, each.shape) for each in found.inputs] == [
        ("x", (4, 1, 28, 28)),
        ("t", (4,)),
    ]
    assert [(each.name, each.shape) for each in found.outputs] == [("y", (4, 1, 28, 28))]


def refused(path: Path, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        read_program(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    refused(path, "No such file")
    refused(tmp_path, "Is a directory")
    for data, reason in (
        (b"", "empty"),
        (bytes(100), "full of zeros"),
        (b"PK\x03\x04", "damaged"),
        (b"\x08\x09", "ONNX"),
        (b"hello", "unknown kind"),
        (b"<html>", "HTML"),
        (pickle.dumps({}), "a pickle"),
        (image()[:-50], "damaged"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
    ):
        path.write_bytes(data)
        refused(path, reason)


def test_files_of_torch_save_are_named(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save(Scaled().state_dict(), path)
    refused(path, "a file of torch.save")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("model_index.json", r"is a description: name the folder that it is in"),
        ("model.safetensors", r"is safetensors.* --weights, or the folder of a model of diffusers"),
        ("model.engine", r"is of an unknown kind; expected a .pt2 of torch.export.save"),
    ],
)
def test_files_beside_it_are_named(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b'\x09\0\0\0\0\0\0\0{"a": {}}' + bytes(99))
    refused(tmp_path / name, reason)


def test_a_label_needs_its_number(tmp_path: Path) -> None:
    (tmp_path / "net.pt2").write_bytes(image())
    with pytest.raises(ValueError, match=r"^classes: the program takes 'label'; pass --classes"):
        recognise_program(tmp_path / "net.pt2", Adapter())


def test_nothing_hangs(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refused(pipe, "no regular file")
    refused(Path("/dev/zero"), "no regular file")
    huge = tmp_path / "huge.pt2"
    huge.touch()
    os.truncate(huge, 1 << 40)
    refused(huge, "larger than")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    refused(loop, "symbolic links")
