"""The file of a calibration: its sections, its version, and how it is replaced."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError
from safetensors.numpy import load

from sureflow.core.arrays import Floats
from sureflow.core.provenance import complaint

STRATA = "strata"
"""Entry of the metadata for their names."""

_NAMES = TypeAdapter(tuple[str, ...])


def version_of(data: bytes) -> str:
    """The version of the calibration in a file."""
    return f"sha256:{sha256(data).hexdigest()}"


def write(path: Path, data: bytes) -> None:
    """Write a file in place of another one at once, so that nobody reads half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(data)
    beside.chmod(0o644)
    beside.replace(path)


def sections_of(data: bytes) -> tuple[dict[str, dict[str, Floats]], dict[str, str]]:
    """Return the tensors of a file by section and name, and its metadata.

    Raises:
        ValueError: There is no header that can be read, or a tensor is not float64.
    """
    tensors = load(data)  # finds out whether there is a header that can be read
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    sections: dict[str, dict[str, Floats]] = defaultdict(dict)
    for name, tensor in tensors.items():
        if tensor.dtype != np.float64:
            raise ValueError(f"{name} is {tensor.dtype}, not float64")
        section, _, rest = name.partition("/")
        sections[section][rest] = tensor
    return sections, header.get("__metadata__", {})


def strata_of(metadata: Mapping[str, str], rows: int) -> tuple[str, ...]:
    """Names of the strata; files that say none have numbered classes, and no condition."""
    numbered = json.dumps([*map(str, range(rows - 1)), ""])
    try:
        names = _NAMES.validate_json(metadata.get(STRATA, numbered))
    except ValidationError as error:
        raise ValueError(f"{STRATA}: {complaint(error)}") from error
    if len({*names}) != rows:
        raise ValueError(f"{STRATA}: no {rows} names")
    return names
