"""The meaning of a score: plain data, free of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a score. A family may add to it in a subclass.

    Attributes:
        semantics: What a large value means, in one word. Values of different scores are never
            compared. All scores are larger the less sure the model is.
        unit: Unit of the value.
        says: What the score measures, in a sentence.
    """

    semantics: str
    unit: str
    says: str

    @property
    def costly(self) -> bool:
        """Whether it costs a pass of its own for every evaluation of the sample."""
        return False
