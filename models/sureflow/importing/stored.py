"""Tensors in safetensors files that are not read until they are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sureflow.file_kind import no_safetensors
from sureflow.regular_file import check_regular
from sureflow.weights import check_tensors


@dataclass(frozen=True)
class Stored:
    """Where a tensor is.

    Attributes:
        file: A safetensors file.
        name: The tensor's name in it.
        shape: Its shape.
        dtype: Its type, as safetensors call it: ``F32``, ``BF16``, ...
    """

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: str

    def read(self) -> Tensor:
        """The tensor; floating-point numbers in float32.

        Raises:
            ValueError: The file has changed, or the tensor holds NaN or infinity; the message
                begins with the file.
        """
        try:
            with safe_open(self.file, "pt") as opened:
                part = opened.get_slice(self.name)
                if (tuple(part.get_shape()), part.get_dtype()) != (self.shape, self.dtype):
                    raise ValueError(f"{self.file}: changed while it was read; try again")
                tensor: Tensor = opened.get_tensor(self.name)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{self.file}: {no_safetensors(self.file, error)}") from error
        if tensor.is_floating_point():
            tensor = tensor.to(torch.float32)
        if not tensor.isfinite().all():
            raise ValueError(f"{self.file}: tensor {self.name} holds NaN or infinity")
        return tensor


def tensors_in(file: Path) -> dict[str, Stored]:
    """All tensors of a safetensors file, by name, from its header.

    Raises:
        ValueError: It is none, or its sizes are not those of its header; begins with the file.
    """
    try:
        check_regular(file)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    try:
        with safe_open(file, "pt") as opened:
            parts = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
            return {
                name: Stored(file, name, tuple(part.get_shape()), part.get_dtype())
                for name, part in parts.items()
            }
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file}: {no_safetensors(file, error)}") from error


def check_stored(found: Mapping[str, Stored], state: Mapping[str, Tensor]) -> None:
    """Check that tensors are those of a module, before any is read.

    Raises:
        ValueError: One is missing, too much, or has another shape or a type that cannot be
            converted; the message begins with ``tensor`` and its name.
    """
    shapes = {name: torch.Size(stored.shape) for name, stored in found.items()}
    check_tensors(shapes, {name: stored.dtype for name, stored in found.items()}, state)
