"""Text encoders of the package transformers, by the names of their classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from sureflow.networks.foreign.config_limits import check_config, check_size
from sureflow.networks.foreign.package import class_in, quiet

PACKAGE = "transformers"


@dataclass(frozen=True)
class TextClass:
    """A class of text encoders.

    Attributes:
        config: The class of its config.
        fields: The fields of the config that are taken; any other might say where code is.
        width: The field that is the width of a token.
    """

    config: str
    fields: tuple[str, ...]
    width: str


CLIP_FIELDS = (
    *("vocab_size", "hidden_size", "intermediate_size", "projection_dim", "num_hidden_layers"),
    *("num_attention_heads", "max_position_embeddings", "hidden_act", "layer_norm_eps"),
    *("pad_token_id", "bos_token_id", "eos_token_id"),
)
T5_FIELDS = (
    *("vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_heads", "feed_forward_proj"),
    *("relative_attention_num_buckets", "relative_attention_max_distance", "layer_norm_epsilon"),
    *("pad_token_id", "eos_token_id"),
)

CLASSES: Mapping[str, TextClass] = {
    "CLIPTextModel": TextClass("CLIPTextConfig", CLIP_FIELDS, "hidden_size"),
    "CLIPTextModelWithProjection": TextClass("CLIPTextConfig", CLIP_FIELDS, "hidden_size"),
    "T5EncoderModel": TextClass("T5Config", T5_FIELDS, "d_model"),
}
"""The classes that there are; no other is taken."""


def text_model(name: str, config: Mapping[str, object]) -> nn.Module:
    """Make a text encoder, with weights drawn at random; nothing is looked up or loaded.

    Args:
        name: Its class, one of :data:`CLASSES`.
        config: Its config; fields that the class does not need are left out.

    Raises:
        ValueError: The class is not one of these, transformers is not installed, or a field is out
            of bounds; the message says which.
    """
    kept = kept_fields(name, config)
    kind, config_kind = (class_in(PACKAGE, each) for each in (name, CLASSES[name].config))
    with quiet(PACKAGE):
        try:
            with torch.device("meta"):
                # Sizes are known from the shapes, before there is any memory for them.
                check_size(kind(config_kind(**kept)))
            made: nn.Module = kind(config_kind(**kept))
        except ValueError:
            raise
        except Exception as error:  # its constructors raise anything
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ValueError(f"config: {name} cannot be made of it: {reason:.300}") from error
    return made.eval()


def kept_fields(name: str, config: Mapping[str, object]) -> dict[str, object]:
    """The fields of a config that a class takes.

    Raises:
        ValueError: The class is unknown, or one of them is out of bounds.
    """
    if not (isinstance(name, str) and name in CLASSES):
        raise ValueError(f"name: {name!r:.60} is none of the classes there are: {[*CLASSES]}")
    if not isinstance(config, Mapping):
        raise ValueError("config: expected a table of names and values")
    fields = CLASSES[name].fields
    return check_config({field: config[field] for field in fields if field in config})
