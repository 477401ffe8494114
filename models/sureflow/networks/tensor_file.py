"""A safetensors file of named tensors that were learned from a network, with notes of how."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from sureflow.core.provenance import SETTINGS, noted


def write(path: Path, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> None:
    """Write tensors, wherever they are, and the settings they were fitted with."""
    here = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    save_file(here, path, metadata={SETTINGS: json.dumps(settings)})
    path.chmod(0o644)


def read(path: Path, names: Sequence[str]) -> tuple[list[Tensor], dict[str, Any]]:
    """Read tensors of these names, in this order, and the settings.

    Raises:
        ValueError: The file has others, or no settings.
    """
    found, settings = read_all(path)
    if found.keys() != {*names}:
        raise ValueError(f"holds {sorted(found)}, not {' and '.join(sorted(names))}")
    return [found[name] for name in names], settings


def read_all(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read all tensors by name, and the settings.

    Raises:
        ValueError: The file has no settings.
    """
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, noted(file.metadata())  # noqa: SIM118
