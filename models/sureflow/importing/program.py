"""Reads files of programs: those of torch.export (``.pt2``), and ONNX models."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from sureflow.file_kind import kind_of_file
from sureflow.networks.foreign.exported import ExportedNetwork
from sureflow.networks.foreign.held_program import LARGEST, HeldProgram
from sureflow.networks.foreign.onnx import OnnxNetwork
from sureflow.networks.foreign.program_input import ProgramInput, ProgramOutput

ZIP, ONNX = b"PK\x03\x04", b"\x08"
"""First bytes of archives, and of ONNX models, which begin with the number of their format."""

OTHERS = {
    ".safetensors": "safetensors, weights without a network: pass package.module:factory and "
    "--weights, or the folder of a model of diffusers",
    ".json": "a description: name the folder that it is in",
}
"""Files beside programs that may be named for them, by their suffix."""

Kind = Literal["exported", "onnx"]
"""Names of the bases of networks in ``config.json``."""


@dataclass(frozen=True)
class Program:
    """A program that was checked and opened.

    Attributes:
        kind: The base that serves it.
        data: The bytes of the file, ``[size]`` of type uint8: the tensor ``program`` of the base.
        inputs: Names, shapes and types of its inputs, in order; a shape begins with the batch.
        outputs: Keys and shapes of its outputs; a lone one of an exported program has an empty key.
        fixed: The number of rows that it is made for; ``None`` if that is free.
        note: What is special about the rows it takes at once; empty if nothing is.
    """

    kind: Kind
    data: Tensor
    inputs: tuple[ProgramInput, ...]
    outputs: tuple[ProgramOutput, ...]
    fixed: int | None
    note: str


def read_program(path: Path) -> Program:
    """Read a program. Nothing in the file is run, and no other file is read.

    Raises:
        ValueError: It is no such file, is too large, or is not safe to open; begins with the path.
    """
    data = _read(path)
    network: type[HeldProgram]
    kind: Kind
    if data.startswith(ZIP):
        kind, network = "exported", ExportedNetwork
    elif data.startswith(ONNX):
        kind, network = "onnx", OnnxNetwork
    else:
        found = kind_of_file(path) or OTHERS.get(path.suffix, "of an unknown kind")
        raise ValueError(
            f"{path}: is {found}; expected a .pt2 of torch.export.save, or an ONNX model"
        )
    try:
        module = network.holding(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    opened = module.opened
    if opened is None:
        raise ValueError(f"{path}: holds no program")
    batch = opened.batch
    fixed = batch.least if batch.least == batch.most else None
    return Program(kind, module.program, opened.inputs, opened.outputs, fixed, batch.note)


def _read(path: Path) -> bytes:
    """All bytes of a regular file; opened without waiting for whoever writes to a pipe."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"{path}: is no regular file; name the file of a program")
            if status.st_size > LARGEST:
                raise ValueError(f"{path}: larger than {LARGEST} bytes")
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    if not data or len(data) > LARGEST:
        raise ValueError(f"{path}: is empty, or larger than {LARGEST} bytes; copy it again")
    return data
