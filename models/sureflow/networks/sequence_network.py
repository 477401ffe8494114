"""Networks that predict the masked symbols of a sequence of characters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sureflow.core.card import Condition

END = 0
"""The token of what follows the end of a sequence; the others are the symbols of the alphabet."""

UNKNOWN = 0xFFFD
"""Code point of the replacement character, which stands for a token that is not known yet."""

NULL = -100.0
"""Stands for a condition that is not given."""

MAX_LENGTH, MAX_ALPHABET = 4096, 4096


class SequenceNetwork(nn.Module, ABC):
    """Logits of every token of a sequence in which some are masked.

    Tokens are 0 for the end, then the symbols of the alphabet in order; the mask is
    :attr:`mask`, the largest. Samples are the code points of the symbols, 0 beyond the end.

    Args:
        alphabet: The symbols, each a character, all different.
        length: Tokens of a sequence.
        conditions: Numbers that sequences can be conditioned on, by name, each with what it
            ``says``; ``examples`` are values that calibration draws.
        notation: What the text of a sequence is written in, such as ``smiles``; empty: plain text.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    family: ClassVar[str] = "tokens"
    classes = 0

    def __init__(
        self,
        alphabet: str,
        length: int,
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
        notation: str = "",
    ) -> None:
        super().__init__()
        if not 1 <= len(alphabet) <= MAX_ALPHABET or len({*alphabet}) < len(alphabet):
            raise ValueError(f"alphabet: expected 1 to {MAX_ALPHABET} characters, all different")
        if not alphabet.isprintable():
            raise ValueError("alphabet: has a character that cannot be shown")
        if not 1 <= length <= MAX_LENGTH:
            raise ValueError(f"length: {length} is not in 1 .. {MAX_LENGTH}")
        self.alphabet, self.length, self.notation = alphabet, length, notation
        self.conditions = {name: _condition(said) for name, said in (conditions or {}).items()}

    @abstractmethod
    def forward(self, tokens: Tensor, **given: Tensor) -> Tensor:
        """Logits ``[B, length, symbols]`` of the tokens at the masked places of ``[B, length]``.

        Conditions by name are ``[B, 1]``, as people write them; one that is left out is null.
        """

    @property
    def symbols(self) -> int:
        """Number of different tokens that a sequence can have, the end included."""
        return len(self.alphabet) + 1

    @property
    def mask(self) -> int:
        """The token that stands for one that is not known."""
        return self.symbols

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sequence."""
        return (self.length,)

    @property
    def device(self) -> torch.device:
        """Where the network lives; the CPU for one without tensors."""
        tensors = [*self.parameters(), *self.buffers()]
        return tensors[0].device if tensors else torch.device("cpu")

    def tokens(self, codes: Tensor) -> Tensor:
        """The tokens of characters by their code points, 0 beyond the end, of any shape.

        Raises:
            ValueError: A character is not in the alphabet.
        """
        known = torch.tensor([END, *map(ord, self.alphabet)])
        order = known.argsort()
        place = torch.searchsorted(known[order], codes.long().contiguous())
        found = order[place.clamp(max=len(known) - 1)]
        wrong = known[found] != codes
        if wrong.any():
            character = chr(int(codes[wrong][0].clamp(0, UNKNOWN)))
            raise ValueError(f"{character!r} is not in the alphabet {self.alphabet!r}")
        return found

    def codes(self, tokens: Tensor) -> Tensor:
        """The code points of tokens as float32; that of the mask is :data:`UNKNOWN`."""
        known = torch.tensor([END, *map(ord, self.alphabet), UNKNOWN], dtype=torch.float32)
        return known[tokens.cpu()]


def _condition(said: Mapping[str, Any]) -> Condition:
    examples = tuple(map(str, said.get("examples", ())))
    return Condition("vector", (1,), NULL, str(said.get("says", "")), examples=examples)
