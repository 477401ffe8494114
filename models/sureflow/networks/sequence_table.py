"""Sequences of a known distribution, whose masked symbols have an exact posterior."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sureflow.networks.sequence_network import SequenceNetwork

MAX_SEQUENCES = 1 << 16
NEVER = -1e30
"""Logit of a token that cannot be."""


class SequenceTable(SequenceNetwork):
    """The exact posterior of sequences that are listed with their weights.

    Tokens that no listed sequence has get the prediction of the sequences as a whole.

    Args:
        alphabet: The symbols, each a character, all different.
        sequences: The texts that there are, all different.
        weights: Their probabilities, up to a factor.
        length: Tokens of a sequence; by default those of the longest.
        notation: See :class:`~sureflow.networks.sequence_network.SequenceNetwork`.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """

    table: Tensor
    weight: Tensor

    def __init__(
        self,
        alphabet: str,
        sequences: Sequence[str],
        weights: Sequence[float],
        length: int | None = None,
        notation: str = "",
    ) -> None:
        if not 1 <= len(sequences) <= MAX_SEQUENCES or len({*sequences}) < len(sequences):
            raise ValueError(f"sequences: expected 1 to {MAX_SEQUENCES}, all different")
        if len(weights) != len(sequences) or not all(weight > 0 for weight in weights):
            raise ValueError("weights: expected a number above 0 for each sequence")
        longest = max(map(len, sequences))
        super().__init__(alphabet, length or longest, notation=notation)
        if longest > self.length:
            raise ValueError(f"length: a sequence has {longest} characters")
        with torch.device("cpu"):  # it has values, which tensors of the meta device have not
            codes = torch.zeros(len(sequences), self.length)
            for row, text in zip(codes, sequences, strict=True):
                row[: len(text)] = torch.tensor([*map(ord, text)])
            table = nn.functional.one_hot(self.tokens(codes), self.symbols).float()
            weight = torch.tensor(weights, dtype=torch.float64)
        self.register_buffer("table", table, persistent=False)
        self.register_buffer("weight", (weight / weight.sum()).float(), persistent=False)

    def forward(self, tokens: Tensor, **given: Tensor) -> Tensor:
        """Logits, see :class:`~sureflow.networks.sequence_network.SequenceNetwork`."""
        listed = self.table.argmax(-1)
        known = tokens[:, None] != self.mask
        fits = ((listed[None] == tokens[:, None]) | ~known).all(-1).float()
        fits = torch.where(fits.any(1, keepdim=True), fits, 1.0)
        shares = (fits * self.weight)[:, :, None, None] * self.table[None]
        total = shares.sum(1)
        return torch.where(total > 0, total.clamp(min=1e-38).log(), NEVER)
