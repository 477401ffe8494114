"""Reads a model's folder of diffusers: its class and config, and weights that fit them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sureflow.importing.json_file import read_json
from sureflow.importing.shards import find_weights
from sureflow.importing.stored import Stored, check_stored
from sureflow.networks.foreign.config_limits import check_config
from sureflow.networks.foreign.diffusers import class_of, diffusers, parameters_of

CONFIG = "config.json"

LEGACY = "Transformer2DModel"
SUCCESSORS = {
    "ada_norm_zero": "DiTTransformer2DModel",
    "ada_norm_single": "PixArtTransformer2DModel",
}
"""Classes that old folders call ``Transformer2DModel``, by its ``norm_type``."""

ORIGINAL = "model.diffusion_model."
"""What names of the denoiser begin with in checkpoints of a single file."""

OLD_ATTENTION = re.compile(r"(.*attentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)")
NEW_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Names of layers of attention in folders that diffusers wrote before version 0.15."""


@dataclass(frozen=True)
class FoundModel:
    """A network of diffusers in a folder.

    Attributes:
        name: Its class.
        written: The fields of its config that the class takes.
        config: All fields of the class, with its defaults.
        tensors: Where its weights are, by their names in the class.
        notes: Sentences on what was recognised.
    """

    name: str
    written: dict[str, Any]
    config: Mapping[str, Any]
    tensors: dict[str, Stored]
    notes: tuple[str, ...]


def read_model(folder: Path, root: Path, variant: str | None = None) -> FoundModel:
    """Read the config of a model's folder, and where its weights are.

    Raises:
        ValueError: A file is missing or damaged, the class is none of those that there are, or its
            weights are not those of its config; the message begins with the file or the folder.
    """
    file = folder / CONFIG
    read = read_json(file, root)
    with naming(file):
        name = _class_name(read)
        _check_plain(read)
        known, kept = parameters_of(class_of(name)), check_config(read)
        written = {field: value for field, value in kept.items() if field in known}
        with torch.device("meta"):
            module = diffusers(name, written)
    dropped = sorted(kept.keys() - written.keys())
    tensors, old = _renamed(find_weights(folder, root, variant), module.state_dict())
    with naming(folder):
        _check_names(tensors)
        check_stored(tensors, module.state_dict())
    count = sum(parameter.numel() for parameter in module.parameters())
    types = " and ".join(sorted({stored.dtype for stored in tensors.values()}))
    files = len({stored.file for stored in tensors.values()})
    notes = [f"{name} of {count:,} parameters, stored as {types} in {files} file(s)."]
    if dropped:
        notes.append(f"Its class has no field {', '.join(dropped)} any more; left out.")
    if old:
        notes.append("Its layers of attention have the names of an old diffusers, and new ones.")
    config: Mapping[str, Any] = module.config  # type: ignore[assignment]
    return FoundModel(name, written, config, tensors, tuple(notes))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Begin the messages of errors with a path."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _class_name(config: Mapping[str, Any]) -> str:
    name = config.get("_class_name")
    if name is None:
        raise ValueError("_class_name: is missing; expected the config of a model of diffusers")
    if name == LEGACY:
        kind = config.get("norm_type")
        if kind not in SUCCESSORS:
            raise ValueError(f"norm_type: {kind!r} of a {LEGACY} is not imported")
        return SUCCESSORS[kind]
    return str(name)[:100]


def _check_plain(config: Mapping[str, Any]) -> None:
    """Check that the weights are numbers, and not the codes of a quantisation."""
    said = config.get("quantization_config")
    if said is not None:
        how = said.get("quant_method") if isinstance(said, dict) else None
        by = f" by {how!s:.40}" if how else ""
        raise ValueError(
            f"quantization_config: the weights are quantized{by}; load the model where it came "
            "from without that, and save it in float32, bfloat16 or float16"
        )


def _check_names(tensors: Mapping[str, Stored]) -> None:
    """Check that the weights are not those of a whole pipeline in one file."""
    if any(name.startswith(ORIGINAL) for name in tensors):
        raise ValueError(
            f"has weights named {ORIGINAL}..., as in a checkpoint of a single file; load that by "
            "from_single_file(FILE) of diffusers, and save it by save_pretrained(FOLDER)"
        )


def _renamed(
    found: Mapping[str, Stored], state: Mapping[str, Tensor]
) -> tuple[dict[str, Stored], bool]:
    """The tensors by the names of today, and whether any had another one."""
    tensors = {}
    for name, stored in found.items():
        match = None if name in state else OLD_ATTENTION.fullmatch(name)
        tensors[_new_name(match) if match else name] = stored
    return tensors, tensors.keys() != found.keys()


def _new_name(match: re.Match[str]) -> str:
    place, layer, kind = match.groups()
    return f"{place}.{NEW_ATTENTION[layer]}.{kind}"
