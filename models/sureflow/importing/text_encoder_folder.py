"""Reads the text encoders of a pipeline of diffusers, which become the stage ``encoder``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sureflow.core.subwords import Subwords, Tokenizer
from sureflow.importing.json_file import read_json
from sureflow.importing.recognised import RecognisedEncoder
from sureflow.importing.text_model_folder import FoundTextModel, read_text_model
from sureflow.importing.text_plan import CLIP_TOKENS, Plan, plan_of
from sureflow.networks.foreign.transformers_encoder import TEXT

PIPELINE = "model_index.json"
ENCODER, TOKENIZER = "text_encoder", "tokenizer"


def read_encoder(
    parts: Mapping[str, Path],
    root: Path,
    name: str,
    conditions: Mapping[str, Mapping[str, Any]],
    variant: str | None = None,
) -> RecognisedEncoder | None:
    """Recognise the text encoders of a pipeline.

    Args:
        parts: The folders of the pipeline's parts.
        root: The folder that no file may lie outside of.
        name: The class of the network that they serve.
        conditions: The conditions of that; the text has as many rows as it has tokens.
        variant: Which of their weights, such as ``fp16``.

    Returns:
        The encoder; ``None`` if there is none, or the network takes no text.

    Raises:
        ValueError: It is none that is served; the message begins with the file or the folder.
    """
    plan = plan_of(name, conditions)
    if plan is None or not any(part.startswith(ENCODER) for part in parts):
        return None
    try:
        return _read(parts, root, name, plan, conditions["text"]["shape"], variant)
    except ValueError as error:
        raise ValueError(
            f"{error}; --no-prompts imports it without the text encoder, and requests give the "
            "embedding"
        ) from error


def said_of_text(
    conditions: Mapping[str, Mapping[str, Any]], encoder: RecognisedEncoder | None
) -> list[str]:
    """Sentences on what a text is to a network; none if it takes no text."""
    if "text" not in conditions:
        return []
    length, width = conditions["text"]["shape"]
    if encoder is None:
        return [
            f"Condition text is an embedding of {length} tokens, {width} numbers each; null is 0, "
            "and no embedding of an empty text."
        ]
    names = " and ".join(each["name"] for each in encoder.config["arguments"]["encoders"])
    null = "zeros stand" if encoder.config["null"] is None else "the empty text stands"
    return [
        f"Condition text is a prompt, which {names} encodes to {length} tokens of {width} numbers, "
        f"or such an embedding; {null} for none."
    ]


def _read(
    parts: Mapping[str, Path],
    root: Path,
    name: str,
    plan: Plan,
    shape: Sequence[int],
    variant: str | None,
) -> RecognisedEncoder:
    there = _names(parts, root, name, plan)
    length, width = shape
    found = [
        read_text_model(
            parts[encoder], parts[tokenizer], root, classes, tokens, plan.lower, variant
        )
        for (encoder, tokenizer), classes, tokens in zip(
            there, plan.classes, plan.lengths(length, len(there)), strict=False
        )
    ]
    zeros = None if len(there) == len(plan.classes) else (length - CLIP_TOKENS, width)
    tokenizers = tuple(each.tokenizer for each in found)
    config = {
        "base": "transformers_encoder",
        "arguments": _arguments(plan, found, zeros),
        "condition": "text",
        "tokens": sum(each.tokens for each in tokenizers),
        "vocabulary": {"level": Subwords.level, "parts": [*map(_written, tokenizers)]},
        "output": TEXT,
        "others": dict(plan.others),
        "null": None if _zeros(plan, root) else Subwords(tokenizers).tokens("", 0).tolist(),
    }
    tensors = {
        f"encoders.{number}.{name}": stored
        for number, each in enumerate(found)
        for name, stored in each.tensors.items()
    }
    return RecognisedEncoder(config, tensors, tuple(each.written.encode() for each in tokenizers))


def _zeros(plan: Plan, root: Path) -> bool:
    """Whether a pipeline has zeros in place of the empty text, as SDXL if it does not say."""
    if plan.kind != "two_clips":
        return False
    return read_json(root / PIPELINE, root).get("force_zeros_for_empty_prompt") is not False


def _names(parts: Mapping[str, Path], root: Path, name: str, plan: Plan) -> list[tuple[str, str]]:
    """The names of the encoders and of their tokenizers."""
    ends = ["", *(f"_{number}" for number in range(2, len(plan.classes) + 1))]
    if plan.spares_t5 and f"{ENCODER}{ends[-1]}" not in parts:
        ends.pop()
    wanted = [f"{ENCODER}{end}" for end in ends]
    found = sorted(part for part in parts if part.startswith(ENCODER))
    if found != wanted:
        raise ValueError(f"{root}: has {', '.join(found)}; {name} takes {', '.join(wanted)}")
    for end in ends:
        if f"{TOKENIZER}{end}" not in parts:
            raise ValueError(f"{root}: has {ENCODER}{end}, but no {TOKENIZER}{end}; copy it, too")
    return [(f"{ENCODER}{end}", f"{TOKENIZER}{end}") for end in ends]


def _arguments(
    plan: Plan, found: list[FoundTextModel], zeros: tuple[int, int] | None
) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "kind": plan.kind,
        "encoders": [each.argument for each in found],
    }
    return arguments if zeros is None else {**arguments, "zeros": [*zeros]}


def _written(part: Tokenizer) -> dict[str, int]:
    size = len(part.written.encode())
    return {"bytes": size, "tokens": part.tokens, "size": part.size, "padding": part.padding}
