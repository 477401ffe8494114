"""The encoder of texts, which become the condition of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from sureflow.core.vocabulary import PADDING, Prompt, Vocabulary
from sureflow.networks.stage import Stage

MAX_TOKENS, MAX_NUMBERS = 4096, 1 << 24
"""Most tokens of a text, and most different ones."""

MAX_EXAMPLES = 1024

LEVELS = ("word", "byte")


class TextEncoder(Stage):
    """Maps the tokens of a text to the array of a condition.

    Args:
        module: The module, called with tokens, int64 ``[n, tokens]``.
        shape: Shape of the condition, which it gives for one row.
        tokens: Number of tokens of a text, with those that fill up.
        vocabulary: ``level``, ``words`` and ``unknown`` of a
            :class:`~sureflow.core.vocabulary.Vocabulary`; ``None``: only tokens are taken.
        size: Number of different tokens; by default those of the vocabulary.
        null: Tokens of the text that stands for "not given", of which the rest is filled up;
            ``None``: the condition's ``null`` stands for it.
        condition: Name of the condition.
        examples: Texts like those that the model was trained with.
        options: See :class:`~sureflow.networks.stage.Stage`; the input is ``tokens``.

    Attributes:
        prompt: What the API process has to know of it.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    input = "tokens"

    def __init__(
        self,
        module: nn.Module,
        shape: Sequence[int],
        tokens: int,
        vocabulary: Mapping[str, Any] | None = None,
        size: int | None = None,
        null: Sequence[int] | None = None,
        condition: str = "text",
        examples: Sequence[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(module, shape, **options)
        _check_count("tokens", tokens, MAX_TOKENS)
        if not isinstance(condition, str):
            raise ValueError("condition: expected the name of a condition")
        self.condition = condition
        known = None if vocabulary is None else read_vocabulary(vocabulary)
        if size is None:
            if known is None:
                raise ValueError("size: without a vocabulary, say how many different tokens it has")
            size = known.size
        _check_count("size", size, MAX_NUMBERS)
        if known is not None and size < known.size:
            raise ValueError(f"size: {size} is below the {known.size} tokens of the vocabulary")
        written = _examples(examples, known, tokens)
        self.prompt = Prompt(tokens, size, known, _filled(null, tokens, size), written)

    def forward(self, tokens: Tensor) -> Tensor:
        """The conditions ``[n, *shape]`` of texts, given by their tokens ``[n, tokens]``."""
        return self.answer(tokens)


def read_vocabulary(written: Mapping[str, Any]) -> Vocabulary:
    """Read the vocabulary of a config.

    Raises:
        ValueError: It is not valid; the message begins with ``vocabulary``.
    """
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


def _check_count(name: str, count: object, most: int) -> None:
    if not (type(count) is int and 1 <= count <= most):
        raise ValueError(f"{name}: {count!r:.40} is not a number in 1 .. {most}")


def _examples(texts: Sequence[str], vocabulary: Vocabulary | None, tokens: int) -> tuple[str, ...]:
    """The examples, all of which the vocabulary knows."""
    listed = isinstance(texts, Sequence) and not isinstance(texts, str)
    if not (listed and len(texts) <= MAX_EXAMPLES and all(isinstance(z, str) for z in texts)):
        raise ValueError(f"examples: expected a list of at most {MAX_EXAMPLES} texts")
    if texts and vocabulary is None:
        raise ValueError("examples: cannot be read without a vocabulary")
    for number, text in enumerate(texts):
        try:
            assert vocabulary is not None
            vocabulary.tokens(text, tokens)
        except ValueError as error:
            raise ValueError(f"examples.{number}: {error}") from error
    return tuple(texts)


def _filled(null: Sequence[int] | None, tokens: int, size: int) -> tuple[int, ...] | None:
    """The tokens of the null text, filled up."""
    if null is None:
        return None
    listed = isinstance(null, Sequence) and len(null) <= tokens
    if not (listed and all(type(z) is int and 0 <= z < size for z in null)):
        raise ValueError(f"null: expected a list of at most {tokens} tokens below {size}")
    return (*null, *[PADDING] * (tokens - len(null)))
