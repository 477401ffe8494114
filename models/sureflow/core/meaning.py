"""What a score says: plain data, free of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a score says. A family may say more in a subclass.

    Attributes:
        semantics: What a large value means, in a word; numbers of different words, and of
            different scores, are never compared. All scores are larger the less sure the model is.
        unit: Of the raw value.
        says: The same in a sentence.
    """

    semantics: str
    unit: str
    says: str

    @property
    def costly(self) -> bool:
        """Whether it costs a pass of its own for every evaluation of the sample."""
        return False
