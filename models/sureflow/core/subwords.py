"""Subwords: how the tokenizers of language models turn a prompt into numbers. Free of torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

LONGEST_PROMPT = 1 << 16
"""Most characters of a prompt, which no encoder reads to the end."""

SHOWN = 40
"""Most characters of a prompt that an error message quotes."""


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A tokenizer, and what the encoder behind it takes.

    Attributes:
        written: The ``tokenizer.json`` of the package tokenizers; empty before weights are loaded.
        tokens: Number of tokens of every prompt, with those that begin, end and fill up.
        size: Number of different tokens.
        padding: The token that fills up.
    """

    written: str
    tokens: int
    size: int
    padding: int


@dataclass(frozen=True, slots=True)
class Subwords:
    """A vocabulary of one or several tokenizers; their tokens stand behind each other.

    Attributes:
        parts: The tokenizers, one for each encoder.
    """

    parts: tuple[Tokenizer, ...]

    level: ClassVar[Literal["subword"]] = "subword"
    words: ClassVar[tuple[str, ...]] = ()
    unknown: ClassVar[bool] = True

    @property
    def size(self) -> int:
        """How many numbers there are, with that of the padding."""
        return max(part.size for part in self.parts)

    @property
    def limits(self) -> npt.NDArray[np.int64]:
        """How many different tokens there are at each place."""
        return np.repeat([part.size for part in self.parts], [part.tokens for part in self.parts])

    @property
    def padding(self) -> npt.NDArray[np.int64]:
        """The token that fills up each place."""
        return np.repeat(
            [part.padding for part in self.parts], [part.tokens for part in self.parts]
        )

    def tokens(self, prompt: str, length: int) -> npt.NDArray[np.int64]:
        """The tokens of a prompt, ``[length]``.

        A tokenizer that takes fewer tokens than the longest one reads the beginning, as in the
        pipelines of diffusers.

        Raises:
            ValueError: It has more tokens than any of them takes, or cannot be read.
        """
        if len(prompt) > LONGEST_PROMPT:
            raise ValueError(f"has {len(prompt)} characters; at most {LONGEST_PROMPT}")
        longest = max(part.tokens for part in self.parts)
        found = [
            number
            for part in self.parts
            for number in _numbers(part, prompt, refuse=part.tokens == longest)
        ]
        return np.array(found, np.int64)


def _numbers(part: Tokenizer, prompt: str, refuse: bool) -> list[int]:
    """The tokens of a prompt by one tokenizer, filled up; those that are too many are cut."""
    with refusing("cannot be read by the model's tokenizer"):
        # A lone surrogate is text in JSON, and no text for the tokenizer.
        text = prompt.encode("utf-8", "replace").decode()
        found = opened(part.written).encode(text)
    numbers, added = list(found.ids), list(found.special_tokens_mask)
    # Tokens that begin and end a text are not cut.
    begin = added.index(0) if 0 in added else len(added)
    end = added[::-1].index(0) if 0 in added else 0
    kept = max(0, part.tokens - begin - end)
    inner = numbers[begin : len(numbers) - end]
    if len(inner) > kept and refuse:
        rest = text[found.offsets[begin + kept][0] :]
        raise ValueError(
            f"has {len(numbers)} tokens; at most {part.tokens}: leave out what follows from "
            f"{rest[:SHOWN]!r} on"
        )
    whole = [*numbers[:begin], *inner[:kept], *numbers[len(numbers) - end :]]
    return [*whole, *[part.padding] * (part.tokens - len(whole))][: part.tokens]


@lru_cache(maxsize=16)
def opened(written: str) -> Any:
    """The tokenizer of a text; opened once.

    Raises:
        ValueError: The package tokenizers is not installed, or does not know it.
    """
    try:
        from tokenizers import Tokenizer as Opened
    except ImportError as error:
        raise ValueError("needs the package tokenizers: pip install 'transformers>=5'") from error
    with refusing("is no tokenizer"):
        return Opened.from_str(written)


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Raise what the package tokenizers raises, of any kind, as a ValueError that begins so."""
    try:
        yield
    except ValueError:
        raise
    except BaseException as error:
        # Its panics are no Exceptions, and have a type that cannot be imported.
        if not (isinstance(error, Exception) or type(error).__name__ == "PanicException"):
            raise
        raise ValueError(f"{what}: {str(error)[:200]}") from error
