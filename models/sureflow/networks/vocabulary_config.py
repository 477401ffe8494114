"""How the vocabulary of a text encoder is written in a config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from sureflow.core.subwords import Subwords, Tokenizer
from sureflow.core.vocabulary import Vocabulary
from sureflow.networks.foreign.tokenizer_rules import LARGEST, check_numbers, checked_tokenizer

MAX_TOKENS, MAX_NUMBERS = 4096, 1 << 24
"""Most tokens of a text, and most different ones."""

MAX_PARTS = 4
"""Most tokenizers."""

LEVELS = ("word", "byte", "subword")


def read_vocabulary(written: Mapping[str, Any]) -> Vocabulary | Subwords:
    """Read the vocabulary of a config.

    Raises:
        ValueError: It is not valid; the message begins with ``vocabulary``.
    """
    if isinstance(written, Mapping) and written.get("level") == Subwords.level:
        return _read_subwords(written)
    if not isinstance(written, Mapping) or not written.keys() <= {"level", "words", "unknown"}:
        raise ValueError("vocabulary: expected level, words and unknown")
    level, words = written.get("level", "word"), written.get("words", ())
    unknown = written.get("unknown", False)
    if level not in LEVELS:
        raise ValueError(f"vocabulary.level: {level!r:.40} is unknown; choose from {LEVELS}")
    texts = isinstance(words, Sequence) and not isinstance(words, str)
    if not (texts and all(isinstance(word, str) and word == word.lower() for word in words)):
        raise ValueError("vocabulary.words: expected a list of words in lower case")
    if len({*words}) < len(words) or (level == "word") != bool(words):
        raise ValueError("vocabulary.words: expected each once, and none at the level of bytes")
    if not isinstance(unknown, bool):
        raise ValueError("vocabulary.unknown: expected true or false")
    return Vocabulary(level, tuple(words), unknown and level == "word")


def _read_subwords(written: Mapping[str, Any]) -> Subwords:
    """The tokenizers of a config, which are not opened yet."""
    parts = written.get("parts")
    if written.keys() != {"level", "parts"} or not isinstance(parts, list):
        raise ValueError("vocabulary: expected level and parts")
    if not 1 <= len(parts) <= MAX_PARTS:
        raise ValueError(f"vocabulary.parts: expected 1 to {MAX_PARTS} tokenizers")
    found = []
    for number, part in enumerate(parts):
        where = f"vocabulary.parts.{number}"
        if not isinstance(part, Mapping) or part.keys() != {"bytes", "tokens", "size", "padding"}:
            raise ValueError(f"{where}: expected bytes, tokens, size and padding")
        check_count(f"{where}.bytes", part["bytes"], LARGEST)
        check_count(f"{where}.tokens", part["tokens"], MAX_TOKENS)
        check_count(f"{where}.size", part["size"], MAX_NUMBERS)
        if not (type(part["padding"]) is int and 0 <= part["padding"] < part["size"]):
            raise ValueError(f"{where}.padding: is no token below {part['size']}")
        found.append(Tokenizer("", part["tokens"], part["size"], part["padding"]))
    return Subwords(tuple(found))


def opened_part(part: Tokenizer, held: Tensor, number: int) -> Tokenizer:
    """A tokenizer with its text, from its bytes; all of its tokens are known to the encoder.

    Raises:
        ValueError: It is none, or does not fit; the message begins with ``vocabulary``.
    """
    try:
        text = checked_tokenizer(held.cpu().numpy().tobytes())
        check_numbers(text, part.size)
    except ValueError as error:
        raise ValueError(f"vocabulary.parts.{number}: {error}") from error
    return replace(part, written=text)


def check_count(name: str, count: object, most: int) -> None:
    """Check an argument that is a number from 1 on.

    Raises:
        ValueError: It is none, or above ``most``; the message begins with the name.
    """
    if not (type(count) is int and 1 <= count <= most):
        raise ValueError(f"{name}: {count!r:.40} is not a number in 1 .. {most}")
