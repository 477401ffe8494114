"""Training samples in memory, and a user's own, which a safetensors file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sureflow.file_kind import no_safetensors
from sureflow.regular_file import check_regular
from sureflow.training.config import DataConfig
from sureflow.training.drawn import Drawn

CONDITION = "conditions."
"""Beginning of the names of tensors that are conditions."""


@dataclass(frozen=True)
class Arrays:
    """Samples in memory in the network's data units, or as bytes, drawn with replacement.

    Their conditions, by name, are drawn along with them.
    """

    samples: Tensor
    labels: Tensor
    names: tuple[str, ...]
    description: str
    conditions: Mapping[str, Tensor] = field(default_factory=dict)

    def draw(self, count: int, generator: torch.Generator) -> Drawn:
        """Draw uniformly with replacement, bytes :func:`scaled`."""
        index = torch.randint(len(self.samples), (count,), generator=generator)
        rows = self.at(index)
        samples = rows.samples
        if samples.dtype == torch.uint8:
            samples = scaled(samples)
        return Drawn(samples, rows.labels, rows.conditions)

    def at(self, index: Tensor | slice) -> Arrays:
        """Those with these numbers."""
        conditions = {name: value[index] for name, value in self.conditions.items()}
        return replace(
            self,
            samples=self.samples[index],
            labels=self.labels[index],
            conditions=conditions,
        )

    def unlabelled(self) -> Arrays:
        """The same samples without labels, for a network that takes none."""
        return replace(self, labels=torch.zeros_like(self.labels), names=())


def scaled(images: Tensor) -> Tensor:
    """Bytes to the network's data units: 0 -> -1, 255 -> 1."""
    return images.float() / 127.5 - 1


def open_arrays(config: DataConfig) -> Arrays:
    """Open the file at ``config.path``.

    It holds ``samples`` (float32 ``[N, *shape]``; images in [-1, 1]) and may hold ``labels``
    (int64 ``[N]``, from 0), and ``conditions.NAME`` (float32 ``[N, ...]``). Classes are named by
    ``config.names``, else by their number.

    Raises:
        ValueError: The file is missing or holds something else; names the field.
    """
    if config.path is None:
        raise ValueError("data.path: needed for data.name 'file'")
    tensors = read_tensors(config.path)
    samples, labels = tensors.get("samples"), tensors.get("labels")
    if samples is None:
        raise ValueError(f"data.path: {config.path} has no tensor named samples")
    if samples.dtype != torch.float32 or samples.dim() < 2 or not samples.isfinite().all():
        raise ValueError(f"data.path: samples must be finite float32 [N, *shape]{_is(samples)}")
    if labels is None and config.names:
        raise ValueError(f"data.names: {config.path} has no tensor named labels")
    names = config.names if labels is None else _names(labels, len(samples), config.names)
    if labels is None:
        labels = torch.zeros(len(samples), dtype=torch.long)
    conditions = read_conditions(tensors, len(samples))
    if not len(samples[config.chosen]):
        raise ValueError(f"data.first: {config.first} is past the last of {len(samples)} samples")
    last = min(config.chosen.stop or len(samples), len(samples))
    description = f"{config.path.name}, samples {config.first} to {last}"
    whole = Arrays(samples, labels, names, description, conditions)
    return whole.at(config.chosen)


def arrays_in(path: Path, classes: tuple[str, ...]) -> Arrays:
    """All samples of a file, for a model of these classes.

    Raises:
        ValueError: As :func:`open_arrays`.
    """
    return open_arrays(DataConfig.model_validate({"name": "file", "path": path, "names": classes}))


def read_conditions(tensors: Mapping[str, Tensor], count: int | None = None) -> dict[str, Tensor]:
    """The conditions among the tensors of a file, of ``count`` samples, by name.

    Raises:
        ValueError: They are not of one length, or something else than finite float32.
    """
    found = {
        name.removeprefix(CONDITION): value
        for name, value in tensors.items()
        if name.startswith(CONDITION)
    }
    for name, value in found.items():
        count = len(value) if count is None and value.dim() else count
        right = value.dtype == torch.float32 and value.dim() > 1 and len(value) == count
        if not (right and value.isfinite().all()):
            shape = f"[{count}, ...]"
            raise ValueError(f"{CONDITION}{name}: must be finite float32 {shape}{_is(value)}")
    return found


def examples_in(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The conditions in a file, by name, ``[m, ...]``.

    Raises:
        ValueError: There are none, or they are not valid; the message begins with ``conditions``.
    """
    try:
        found = read_conditions(read_tensors(path))
    except ValueError as error:
        raise ValueError(f"conditions: {str(error).removeprefix('data.path: ')}") from error
    if not found:
        raise ValueError(f"conditions: {path} has no tensor named {CONDITION}NAME")
    return {name: value.numpy() for name, value in found.items()}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The samples, labels and conditions in a safetensors file, as far as it has them.

    Raises:
        ValueError: It cannot be read; the message begins with ``data.path``.
    """
    try:
        check_regular(path)
        with safe_open(path, "pt") as file:
            names = [
                name
                for name in file.keys()  # noqa: SIM118 - it is no mapping
                if name in ("samples", "labels") or name.startswith(CONDITION)
            ]
            return {name: file.get_tensor(name) for name in names}
    except ValueError as error:
        raise ValueError(f"data.path: {path}: {error}") from error
    except (SafetensorError, OSError) as error:
        raise ValueError(f"data.path: {path}: {no_safetensors(path, error)}") from error


def _names(labels: Tensor, count: int, names: tuple[str, ...]) -> tuple[str, ...]:
    if labels.dtype != torch.long or labels.shape != (count,) or (labels < 0).any():
        raise ValueError(f"data.path: labels must be int64 [{count}], from 0{_is(labels)}")
    largest = int(labels.max()) if count else -1
    if not names:
        return tuple(str(label) for label in range(largest + 1))
    if largest >= len(names):
        raise ValueError(f"data.names: {len(names)} names, but labels go to {largest}")
    return names


def _is(tensor: Tensor) -> str:
    kind = str(tensor.dtype).removeprefix("torch.")
    return f"; they are {kind} {[*tensor.shape]}"
