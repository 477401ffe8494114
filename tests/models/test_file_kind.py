"""Files as they come to lie where safetensors should be."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file

from sureflow.checkpoint import CheckpointError, load
from sureflow.file_kind import kind_of_file
from sureflow.folders import embedded_folder
from sureflow.importing.stored import tensors_in
from sureflow.training.arrays import open_arrays
from sureflow.training.config import DataConfig
from sureflow.weights import read_weights

STATE = {"weight": torch.ones(64, 3), "bias": torch.zeros(3)}
SOUND = save(STATE)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "calibration.safetensors"])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    shutil.copytree(embedded_folder() / "ring", folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(CheckpointError, match="is no regular file"):
        load(folder)
    with pytest.raises(ValueError, match="is no regular file"):
        open_arrays(DataConfig(name="file", path=folder / name))
    with pytest.raises(ValueError, match="is no regular file"):
        tensors_in(folder / name)


def torch_saved(**options: bool) -> bytes:
    file = io.BytesIO()
    torch.save(STATE, file, **options)
    return file.getvalue()


def archived() -> bytes:
    file = io.BytesIO()
    np.savez(file, weight=np.ones(3))
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones(3))
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights"))
    return file.getvalue()


INDEX = {"metadata": {"total_size": 9}, "weight_map": {"weight": "model-00001-of-2.safetensors"}}

FILES: dict[str, bytes] = {
    "is a Git LFS pointer and .* `git lfs pull`": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    ),
    "is a page of HTML": b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>",
    "is a page of HTML or XML": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "is a pickle .* safetensors.torch.save_file": torch_saved(),
    "is a pickle .* never read": torch_saved(_use_new_zipfile_serialization=False),
    "is a pickle as": pickle.dumps({"weight": [1.0] * 99}),
    "is a zip archive": archived(),
    "is a NumPy array": array(),
    "is compressed by gzip": gzip.compress(SOUND),
    "is compressed by bzip2": bz2.compress(SOUND),
    "is compressed by xz": lzma.compress(SOUND),
    "is an index of shards": json.dumps(INDEX).encode(),
    "is an index of shards, whose": json.dumps(INDEX, indent=2).encode(),
    'is text, beginning with \'{"error": "Not found"}\'': b'{"error": "Not found"}',
    "is text, beginning with 'Repository not found'": b"Repository not found\n",
    "is text, beginning with 'no'": b"no\n",
    "is empty": b"",
    "is full of zeros": bytes(4096),
    "is cut short at byte 500 of 916": SOUND[:500],
    "is cut short at byte 20 of 1[0-9]{2};": SOUND[:20],
    "is 5 bytes long": SOUND[:5],
    "is an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(64),
    "is a GGUF file": b"GGUF\x03\0\0\0" + bytes(64),
    "is a PNG picture": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "is a tar archive": tarred(),
    "is a pickle .* which may hold code": pickle.dumps({"weight": [1.0] * 99}, 0),
    "is a pickle as torch": pickle.dumps({"weight": [1.0] * 99}, 1),
    "is a RAR archive; unpack it": b"Rar!\x1a\x07\x01\x00" + bytes(64),
    "is a 7z archive; unpack it": b"7z\xbc\xaf\x27\x1c" + bytes(64),
    "is a Parquet file": b"PAR1" + bytes(64),
    "is a database": b"SQLite format 3\x00" + bytes(64),
    "is a pointer to a file": b"# xet version 0\nfilesize = 9\nhash = '4d7a'\n",
}


@pytest.mark.parametrize("message", FILES)
def test_what_it_is_is_said(tmp_path: Path, message: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(FILES[message])
    with pytest.raises(ValueError, match=f"^{message}"):
        read_weights(path, STATE)
    with pytest.raises(ValueError, match=rf"^data.path: {path}: {message}"):
        open_arrays(DataConfig(name="file", path=path))


@pytest.mark.parametrize(
    ("make", "message"), [(Path.mkdir, "is a folder"), (lambda path: None, "No such file")]
)
def test_no_file_at_all(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(tmp_path / "weights")
    with pytest.raises(ValueError, match=f"^{message}"):
        read_weights(tmp_path / "weights", STATE)


@pytest.mark.parametrize("size", [0x0280, 0x0480])
def test_a_sound_file_is_no_other_whatever_the_length_of_its_header(
    tmp_path: Path, size: int
) -> None:
    """Which comes first, and may be the first bytes of a pickle."""
    path, note = tmp_path / "sound.safetensors", ""
    while True:
        save_file(STATE, path, {"note": note})
        header = int.from_bytes(path.read_bytes()[:8], "little")
        if header >= size:
            break
        note += "x" * max(1, size - header - 8)
    assert header == size
    assert kind_of_file(path) is None
    path.write_bytes(path.read_bytes()[:-1])
    assert str(kind_of_file(path)).startswith("cut short")
