"""Training samples in memory, and a user's own, which a safetensors file holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sureflow.file_kind import check_regular, no_safetensors
from sureflow.training.config import DataConfig


@dataclass(frozen=True)
class Arrays:
    """Samples in memory in the network's data units, or as bytes, drawn with replacement."""

    samples: Tensor
    labels: Tensor
    names: tuple[str, ...]
    description: str

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw uniformly with replacement, bytes :func:`scaled`."""
        index = torch.randint(len(self.samples), (count,), generator=generator)
        samples = self.samples[index]
        return scaled(samples) if samples.dtype == torch.uint8 else samples, self.labels[index]

    def unlabelled(self) -> Arrays:
        """The same samples without labels, for a network that takes none."""
        return replace(self, labels=torch.zeros_like(self.labels), names=())


def scaled(images: Tensor) -> Tensor:
    """Bytes to the network's data units: 0 -> -1, 255 -> 1."""
    return images.float() / 127.5 - 1


def open_arrays(config: DataConfig) -> Arrays:
    """Open the file at ``config.path``.

    It holds ``samples`` (float32 ``[N, *shape]``; images in [-1, 1]) and may hold ``labels``
    (int64 ``[N]``, from 0). Classes are named by ``config.names``, else by their number.

    Raises:
        ValueError: The file is missing or holds something else; names the field.
    """
    if config.path is None:
        raise ValueError("data.path: needed for data.name 'file'")
    tensors = _read(config.path)
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
    part = samples[config.chosen]
    if not len(part):
        raise ValueError(f"data.first: {config.first} is past the last of {len(samples)} samples")
    description = f"{config.path.name}, samples {config.first} to {config.first + len(part)}"
    return Arrays(part, labels[config.chosen], names, description)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        check_regular(path)
        with safe_open(path, "pt") as file:
            present = {"samples", "labels"}.intersection(file.keys())
            return {name: file.get_tensor(name) for name in present}
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
