"""What an importer has recognised in a foreign model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from sureflow.importing.stored import Stored


@dataclass(frozen=True)
class RecognisedStage:
    """A stage of a model, such as its decoder.

    Attributes:
        config: The object of the stage in a network of kind ``staged``.
        tensors: Where its weights are, by their names in its module.
    """

    config: dict[str, Any]
    tensors: Mapping[str, Stored | Tensor]


@dataclass(frozen=True)
class RecognisedEncoder(RecognisedStage):
    """The encoder of texts.

    Attributes:
        tokenizers: Its tokenizers, as ``tokenizer.json``.
    """

    tokenizers: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Recognised:
    """A foreign model, ready to be written as a checkpoint.

    Attributes:
        network: The object ``network`` of a checkpoint's config, of kind ``frozen``.
        tensors: Where the weights are, by their names in the module that ``network`` names as its
            base. Names, shapes and types are those of the module.
        notes: Sentences: what was recognised, and what was left out and why.
        plugin: The declaration by which a server finds the module, if it is nobody's but the
            operator's.
        stages: By their names in a network of kind ``staged``: the decoder, which makes samples of
            latents, and what stands beside it; the encoder of texts. Empty if there are none.
        parts: Folders of what else belongs to the model, such as ``vae`` or ``text_encoder``.
    """

    network: dict[str, Any]
    tensors: Mapping[str, Stored | Tensor]
    notes: tuple[str, ...] = ()
    plugin: str | None = None
    stages: Mapping[str, RecognisedStage] = field(default_factory=dict)
    parts: Mapping[str, Path] = field(default_factory=dict)
