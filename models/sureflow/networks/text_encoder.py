"""The encoder of texts, which become the condition of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from sureflow.core.card import Condition
from sureflow.core.subwords import Subwords
from sureflow.core.vocabulary import Prompt, Vocabulary
from sureflow.networks.stage import Stage, answer_in
from sureflow.networks.vocabulary_config import (
    MAX_NUMBERS,
    MAX_TOKENS,
    check_count,
    opened_part,
    read_vocabulary,
)

MAX_EXAMPLES = 1024


class TextEncoder(Stage):
    """Maps the tokens of a text to the array of a condition, and of those that belong to it.

    Tokenizers of a vocabulary of the level ``subword`` are kept beside the weights, as bytes.

    Args:
        module: The module, called with tokens, int64 ``[n, tokens]``.
        shape: Shape of the condition, which it gives for one row.
        tokens: Number of tokens of a text, with those that fill up.
        vocabulary: ``level``, and ``words`` and ``unknown`` of a
            :class:`~sureflow.core.vocabulary.Vocabulary` or ``parts``, a table for each
            :class:`~sureflow.core.subwords.Tokenizer`, with ``bytes`` in place of ``written``;
            ``None``: only tokens are taken.
        size: Number of different tokens; by default those of the vocabulary.
        null: Tokens of the text that stands for "not given", of which the rest is filled up;
            ``None``: the condition's ``null`` stands for it.
        condition: Name of the condition.
        others: Other conditions that it gives, as a mask or a pooled embedding: where in what the
            module returns each is, by its name.
        examples: Texts like those that the model was trained with.
        options: See :class:`~sureflow.networks.stage.Stage`; the input is ``tokens``.

    Attributes:
        prompt: What the API process has to know of it; with its tokenizers once they are loaded.

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
        others: Mapping[str, str] | None = None,
        examples: Sequence[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(module, shape, **options)
        check_count("tokens", tokens, MAX_TOKENS)
        if not isinstance(condition, str):
            raise ValueError("condition: expected the name of a condition")
        self.condition, self.others = condition, _named(others or {}, condition)
        known = None if vocabulary is None else read_vocabulary(vocabulary)
        if size is None:
            if known is None:
                raise ValueError("size: without a vocabulary, say how many different tokens it has")
            size = known.size
        check_count("size", size, MAX_NUMBERS)
        if known is not None and size < known.size:
            raise ValueError(f"size: {size} is below the {known.size} tokens of the vocabulary")
        self.prompt = Prompt(tokens, size, known)
        if isinstance(known, Subwords):
            if (count := len(known.limits)) != tokens:
                raise ValueError(f"tokens: is {tokens}; its tokenizers give {count}")
            for number, part in enumerate((vocabulary or {})["parts"]):
                held = torch.zeros(part["bytes"], dtype=torch.uint8)
                self.register_buffer(f"tokenizer_{number}", held)
        self.prompt = replace(
            self.prompt,
            null=_filled(null, self.prompt),
            examples=_examples(examples, known, tokens),
        )
        self.register_load_state_dict_post_hook(_open)  # type: ignore[no-untyped-call]

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        """The conditions ``[n, *shape]`` by name, of the tokens ``[n, tokens]`` of texts."""
        out = self.called(tokens)
        parts = {self.condition: self.output, **self.others}
        return {name: answer_in(out, where) for name, where in parts.items()}

    @torch.no_grad()
    def verify_others(self, tokens: Tensor, conditions: Mapping[str, Condition]) -> None:
        """Check the shapes of the other conditions that it gives.

        Raises:
            ValueError: One has another shape; the message begins with ``others``.
        """
        if not (self.others and getattr(self.module, "ready", True)):
            return
        found = self(tokens)
        for name in self.others:
            if found[name].shape[1:] != conditions[name].shape:
                gives, takes = [*found[name].shape[1:]], [*conditions[name].shape]
                raise ValueError(f"others.{name}: is {gives}, and the denoiser takes {takes}")

    def hold(self, tokenizers: Sequence[bytes]) -> None:
        """Take the bytes of its tokenizers, and open them.

        Raises:
            ValueError: One is none, or does not fit; the message begins with ``vocabulary``.
        """
        for number, written in enumerate(tokenizers):
            held = torch.frombuffer(bytearray(written), dtype=torch.uint8)
            getattr(self, f"tokenizer_{number}").copy_(held)
        self.open()

    def open(self) -> None:
        """Open the tokenizers in the buffers; nothing if these hold zeros, as before loading.

        Raises:
            ValueError: One is none, or does not fit; the message begins with ``vocabulary``.
        """
        known = self.prompt.vocabulary
        if not isinstance(known, Subwords):
            return
        held = [getattr(self, f"tokenizer_{number}") for number in range(len(known.parts))]
        if any(z.is_meta or not z.any() for z in held):
            return
        opened = [
            opened_part(part, z, i)
            for i, (part, z) in enumerate(zip(known.parts, held, strict=True))
        ]
        vocabulary = Subwords(tuple(opened))
        self.prompt = replace(self.prompt, vocabulary=vocabulary)
        _examples(self.prompt.examples, vocabulary, self.prompt.tokens)


def _open(encoder: TextEncoder, keys: object) -> None:
    encoder.open()


def _named(others: Mapping[str, str], condition: str) -> dict[str, str]:
    """The other conditions, by name the part of what the module returns."""
    named = isinstance(others, Mapping) and condition not in others
    if not named or not all(isinstance(z, str) for pair in others.items() for z in pair):
        raise ValueError("others: expected names of other conditions, and parts of the answer")
    return {**others}


def _examples(
    texts: Sequence[str], vocabulary: Vocabulary | Subwords | None, tokens: int
) -> tuple[str, ...]:
    """The examples, all of which the vocabulary knows, as far as it is loaded."""
    listed = isinstance(texts, Sequence) and not isinstance(texts, str)
    if not (listed and len(texts) <= MAX_EXAMPLES and all(isinstance(z, str) for z in texts)):
        raise ValueError(f"examples: expected a list of at most {MAX_EXAMPLES} texts")
    if texts and vocabulary is None:
        raise ValueError("examples: cannot be read without a vocabulary")
    if isinstance(vocabulary, Subwords) and not all(part.written for part in vocabulary.parts):
        return tuple(texts)
    for number, text in enumerate(texts):
        try:
            assert vocabulary is not None
            vocabulary.tokens(text, tokens)
        except ValueError as error:
            raise ValueError(f"examples.{number}: {error}") from error
    return tuple(texts)


def _filled(null: Sequence[int] | None, prompt: Prompt) -> tuple[int, ...] | None:
    """The tokens of the null text, filled up."""
    if null is None:
        return None
    limits = prompt.limits.tolist()
    listed = isinstance(null, Sequence) and len(null) <= len(limits)
    if not (
        listed and all(type(z) is int and 0 <= z < n for z, n in zip(null, limits, strict=False))
    ):
        raise ValueError(
            f"null: expected a list of at most {prompt.tokens} tokens below {prompt.size}"
        )
    return tuple(prompt.filled(null).tolist())
