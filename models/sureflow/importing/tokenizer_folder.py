"""Reads the folder of a tokenizer: ``tokenizer.json``, or the vocabulary and the merges of CLIP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sureflow.core.subwords import opened
from sureflow.importing.diffusers_model import naming
from sureflow.importing.json_file import read_json, regular_file
from sureflow.networks.foreign.tokenizer_rules import (
    CLIP_MARKS,
    CLIP_WORDS,
    LARGEST,
    checked_tokenizer,
)

WHOLE, CONFIG, SPECIAL = "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"
VOCABULARY, MERGES, ADDED = "vocab.json", "merges.txt", "added_tokens.json"
PIECES = "spiece.model"
NUMBERED = "added_tokens_decoder"
"""The field of a newer config with the tokens that were added to the vocabulary, by number."""

START, END = "<|startoftext|>", "<|endoftext|>"


@dataclass(frozen=True)
class FoundTokenizer:
    """A tokenizer in a folder.

    Attributes:
        written: Its ``tokenizer.json``, with nothing but what makes tokens.
        padding: The token that fills up.
    """

    written: str
    padding: int


def read_tokenizer(folder: Path, root: Path, lower: bool = False) -> FoundTokenizer:
    """Read a tokenizer.

    Args:
        folder: The folder of the tokenizer.
        root: The folder that no file may lie outside of.
        lower: Whether the pipeline writes prompts in lower case first.

    Raises:
        ValueError: A file is missing, damaged, or says what may run without end; the message begins
            with the file or the folder.
    """
    config = _config(folder, root)
    file = folder / WHOLE
    if file.exists() or file.is_symlink():
        written = _bytes(file, root)
    elif (folder / VOCABULARY).exists():
        written = json.dumps(_clip(folder, root, config)).encode()
        file = folder / VOCABULARY
    else:
        raise ValueError(_missing(folder))
    with naming(file):
        text = checked_tokenizer(written)
        text = _lowered(text) if lower else text
        name = _token(config, "pad_token", END if (folder / VOCABULARY).exists() else "<pad>")
        padding = opened(text).token_to_id(name)
        if padding is None:
            raise ValueError(f"{CONFIG} says pad_token {name!r:.60}, which is none of its tokens")
    return FoundTokenizer(text, padding)


def _config(folder: Path, root: Path) -> dict[str, Any]:
    """The config; special tokens of older folders have a file of their own, which wins."""
    config, special = (
        read_json(folder / name, root) if (folder / name).exists() else {}
        for name in (CONFIG, SPECIAL)
    )
    return config if NUMBERED in config else {**config, **special}


def _missing(folder: Path) -> str:
    if (folder / PIECES).exists():
        return (
            f"{folder}: has its vocabulary only as {PIECES}, which is not read; where "
            f"sentencepiece is installed, transformers writes {WHOLE} by "
            "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    return f"{folder}: has no {WHOLE}, nor {VOCABULARY} and {MERGES}"


def _bytes(file: Path, root: Path) -> bytes:
    """The contents of a regular file that is not larger than any tokenizer."""
    real = regular_file(file, root)
    try:
        with real.open("rb") as stream:
            written = stream.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror or error}") from error
    if len(written) > LARGEST:
        raise ValueError(f"{file}: is larger than {LARGEST} bytes, which no tokenizer is")
    return written


def _clip(folder: Path, root: Path, config: dict[str, Any]) -> dict[str, Any]:
    """The tokenizer of CLIP with a vocabulary and merges."""
    vocabulary = read_json(folder / VOCABULARY, root, LARGEST)
    if not (folder / MERGES).exists():
        raise ValueError(f"{folder}: has {VOCABULARY}, but no {MERGES}; copy it, too")
    try:
        lines = _bytes(folder / MERGES, root).decode().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{folder / MERGES}: is no text: {error.reason}") from error
    start, end = _token(config, "bos_token", START), _token(config, "eos_token", END)
    added = read_json(folder / ADDED, root) if (folder / ADDED).exists() else {}
    added |= _numbered(config)
    if any(vocabulary.get(token, number) != number for token, number in added.items()):
        raise ValueError(f"{folder}: has other numbers for added tokens than {VOCABULARY}")
    numbers = {**vocabulary, **added}
    for token in (start, end):
        if type(numbers.get(token)) is not int:
            raise ValueError(f"{folder / VOCABULARY}: has no {token!r:.60}, which each text needs")
    special = dict.fromkeys((start, end, _token(config, "pad_token", END)))
    marks = [token for token in special if token in numbers]
    return {
        "version": "1.0",
        "added_tokens": [
            _added(token, numbers[token], token in special)
            for token in dict.fromkeys((*marks, *added))
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                {"type": "Lowercase"},
            ],
        },
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": CLIP_MARKS + CLIP_WORDS},
                    "behavior": "Removed",
                    "invert": True,
                },
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
            ],
        },
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": [end, numbers[end]],
            "cls": [start, numbers[start]],
            "trim_offsets": False,
            "add_prefix_space": False,
        },
        "model": {
            "type": "BPE",
            "unk_token": end,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "</w>",
            "vocab": vocabulary,
            "merges": [line for line in lines if line and not line.startswith("#version")],
        },
    }


def _numbered(config: dict[str, Any]) -> dict[str, int]:
    """Tokens that a config adds, with their numbers."""
    written = config.get(NUMBERED)
    entries = written.items() if isinstance(written, dict) else ()
    return {
        str(entry["content"]): int(number)
        for number, entry in entries
        if isinstance(entry, dict) and "content" in entry and number.isdecimal()
    }


def _added(token: str, number: int, special: bool) -> dict[str, Any]:
    return {
        "id": number,
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": not special,
        "special": special,
    }


def _token(config: dict[str, Any], name: str, default: str) -> str:
    """A special token of a config, which may be an object."""
    written = config.get(name)
    text = written.get("content") if isinstance(written, dict) else written
    return text if isinstance(text, str) and text else default


def _lowered(written: str) -> str:
    """The tokenizer with texts in lower case first."""
    whole = json.loads(written)
    normalizer = whole.get("normalizer")
    several = normalizer["normalizers"] if (normalizer or {}).get("type") == "Sequence" else None
    steps = several if several is not None else [normalizer] if normalizer else []
    whole["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, *steps]}
    return checked_tokenizer(json.dumps(whole).encode())
