"""Vocabularies: how a prompt becomes the numbers of its tokens. Free of torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
import numpy.typing as npt

from sureflow.core.subwords import Subwords

Level = Literal["word", "byte"]

PADDING = 0
"""Number of the token that fills up a prompt."""

BYTES = 256
WORD = re.compile(r"\w+|[^\w\s]")
SHOWN = 40
"""Most words that an error message lists."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Numbers of tokens, from 1 on; 0 fills up.

    Attributes:
        level: ``word``: the words and punctuation marks of the prompt in lower case, numbered in
            the order of ``words``. ``byte``: the bytes of the prompt in UTF-8, each plus one.
        words: The words that are known.
        unknown: Whether every other word is one more token, the last; else it is refused.
    """

    level: Level = "word"
    words: tuple[str, ...] = ()
    unknown: bool = False

    @property
    def size(self) -> int:
        """How many numbers there are, with that of the padding."""
        return 1 + (BYTES if self.level == "byte" else len(self.words) + self.unknown)

    def tokens(self, prompt: str, length: int) -> npt.NDArray[np.int64]:
        """The tokens of a prompt, ``[length]``; none for one that is empty.

        Raises:
            ValueError: It has too many tokens, or a word that is not known.
        """
        found = self._bytes(prompt) if self.level == "byte" else self._words(prompt)
        if len(found) > length:
            raise ValueError(f"has {len(found)} {self.level}s; at most {length}")
        return np.array([*found, *[PADDING] * (length - len(found))], np.int64)

    def _bytes(self, prompt: str) -> Sequence[int]:
        # A lone surrogate is text in JSON, and has no bytes of its own.
        return [1 + byte for byte in prompt.strip().encode("utf-8", "replace")]

    def _words(self, prompt: str) -> Sequence[int]:
        written = WORD.findall(prompt.lower())
        numbers = {word: number for number, word in enumerate(self.words, 1)}
        other = [word for word in written if word not in numbers]
        if other and not self.unknown:
            known = ", ".join(self.words[:SHOWN]) + ("..." if len(self.words) > SHOWN else "")
            raise ValueError(
                f"has the word {other[0]!r:.60}, which the model does not know: {known}"
            )
        return [numbers.get(word, len(self.words) + 1) for word in written]


@dataclass(frozen=True, slots=True)
class Prompt:
    """How a text, or the tokens of one, becomes the array of a condition: by an encoder.

    Attributes:
        tokens: Number of tokens of every prompt, with those that fill up.
        size: Number of different tokens; they are numbered from 0 on.
        vocabulary: Turns a text into tokens; ``None``: only tokens are taken.
        null: Tokens whose array stands for "not given", ``[tokens]``; ``None``: the ``null`` of the
            condition does.
        examples: Texts like those that the model was trained with, by which confidence is measured.
    """

    tokens: int
    size: int
    vocabulary: Vocabulary | Subwords | None = None
    null: tuple[int, ...] | None = None
    examples: tuple[str, ...] = ()

    def example(self, number: int) -> npt.NDArray[np.int64]:
        """The tokens of one of the examples, ``[tokens]``, drawn by a number."""
        assert self.vocabulary is not None
        # A hash, so that numbers of any stride draw all examples alike.
        drawn = int.from_bytes(blake2b(str(number).encode(), digest_size=8).digest())
        return self.vocabulary.tokens(self.examples[drawn % len(self.examples)], self.tokens)

    @property
    def limits(self) -> npt.NDArray[np.int64]:
        """How many different tokens there are at each place, ``[tokens]``."""
        known = self.vocabulary
        return known.limits if isinstance(known, Subwords) else np.full(self.tokens, self.size)

    def filled(self, tokens: Sequence[int]) -> npt.NDArray[np.int64]:
        """The tokens of a prompt, with those that fill up, ``[tokens]``."""
        known = self.vocabulary
        rest = known.padding if isinstance(known, Subwords) else np.full(self.tokens, PADDING)
        return np.array([*tokens, *rest[len(tokens) :]], np.int64)

    def check(self, tokens: npt.NDArray[np.int64]) -> None:
        """Check the tokens of a prompt.

        Raises:
            ValueError: They are too few or too many, or not among those that there are.
        """
        if tokens.shape != (self.tokens,):
            raise ValueError(f"has tokens of shape {list(tokens.shape)}, not [{self.tokens}]")
        limits = self.limits
        if (wrong := (tokens < 0) | (tokens >= limits)).any():
            place = int(wrong.argmax())
            raise ValueError(f"has a token that is not in 0 .. {limits[place] - 1}")
