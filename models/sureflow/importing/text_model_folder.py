"""Reads the folder of one text encoder of transformers, and that of its tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sureflow.core.subwords import Tokenizer
from sureflow.importing.diffusers_model import CONFIG, naming
from sureflow.importing.json_file import read_json
from sureflow.importing.shards import TRANSFORMERS, find_weights
from sureflow.importing.stored import Stored, check_stored
from sureflow.importing.tokenizer_folder import read_tokenizer
from sureflow.networks.foreign.text_model import kept_fields, text_model
from sureflow.networks.foreign.tokenizer_rules import check_numbers

PREFIX = "text_model."
"""What the names of the weights of CLIP have in front, by class and version."""

UNUSED, BUFFER = ("decoder.", "lm_head."), ".position_ids"
"""Begin and end of the names of tensors in older folders, which encoders do not have."""


@dataclass(frozen=True)
class FoundTextModel:
    """A text encoder with its tokenizer.

    Attributes:
        argument: What it is among the ``encoders`` of a
            :func:`~sureflow.networks.foreign.transformers_encoder.transformers_encoder`.
        tokenizer: Its tokenizer.
        tensors: Where its weights are, by their names in its class.
    """

    argument: dict[str, Any]
    tokenizer: Tokenizer
    tensors: dict[str, Stored]


def read_text_model(
    folder: Path,
    tokenizer: Path,
    root: Path,
    classes: Sequence[str],
    tokens: int,
    lower: bool = False,
    variant: str | None = None,
) -> FoundTextModel:
    """Read an encoder and its tokenizer.

    Args:
        folder: The folder of the encoder.
        tokenizer: The folder of its tokenizer.
        root: The folder that no file may lie outside of.
        classes: The classes that it may have.
        tokens: How many tokens it is to read.
        lower: Whether prompts are written in lower case first.
        variant: Which of its weights, such as ``fp16``.

    Raises:
        ValueError: One of them is none that is read, or they do not belong together; the message
            begins with the file or the folder.
    """
    file = folder / CONFIG
    written = read_json(file, root)
    with naming(file):
        name = _class_name(written, classes)
        config = kept_fields(name, written)
        with torch.device("meta"):
            module: Any = text_model(name, config)
        _check_places(module.config, tokens)
    tensors = _renamed(find_weights(folder, root, variant, TRANSFORMERS), module.state_dict())
    with naming(folder):
        check_stored(tensors, module.state_dict())
    found, size = read_tokenizer(tokenizer, root, lower), module.config.vocab_size
    with naming(tokenizer):
        check_numbers(found.written, size)
    argument = {"name": name, "config": config, "tokens": tokens}
    return FoundTextModel(argument, Tokenizer(found.written, tokens, size, found.padding), tensors)


def _class_name(config: Mapping[str, Any], classes: Sequence[str]) -> str:
    """The first of the config's ``architectures``."""
    listed = config.get("architectures")
    name = listed[0] if isinstance(listed, list) and listed else None
    if name not in classes:
        known = " or ".join(classes)
        raise ValueError(f"architectures: {name!r:.60} is not read here; expected {known}")
    if config.get("use_attention_mask"):
        raise ValueError("use_attention_mask: is not imported")
    return str(name)


def _check_places(config: Any, tokens: int) -> None:
    places = getattr(config, "max_position_embeddings", None)
    if places is not None and tokens > places:
        raise ValueError(f"max_position_embeddings: {places} is less than {tokens} tokens")


def _renamed(found: Mapping[str, Stored], state: Mapping[str, Any]) -> dict[str, Stored]:
    """The tensors by their names in the class, as far as they are known."""
    tensors = {}
    for name, stored in found.items():
        if name.startswith(UNUSED) or name.endswith(BUFFER):
            continue
        known = (name, name.removeprefix(PREFIX), f"{PREFIX}{name}")
        tensors[next((each for each in known if each in state), name)] = stored
    return tensors
