"""What came of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ._recipe import Recipe, digest_of
from ._sample import Sample

Outcome = Literal["equal", "different", "alike", "unknown"]


@dataclass(frozen=True)
class Replay:
    """A sample, made again.

    Attributes:
        sample: The new one.
        outcome: ``equal`` or ``different``: the bytes, compared; ``alike``: the sample of before is
            gone, and its score is the same; ``unknown``: there is nothing left to compare with.
    """

    sample: Sample
    outcome: Outcome

    @classmethod
    def of(cls, sample: Sample, recipe: Recipe, before: Sample | None) -> Replay:
        """Compare a sample with what is known of it from before.

        Args:
            sample: The new one.
            recipe: That made it.
            before: The old one, in the same encoding, if the server still has it.
        """
        if before is not None:
            return cls(sample, _same(sample.file() == before.file()))
        if recipe.digest is not None:
            return cls(sample, _same(digest_of(sample) == recipe.digest))
        if recipe.uncertainty is None:
            return cls(sample, "unknown")
        return cls(sample, "alike" if sample.uncertainty == recipe.uncertainty else "different")


def _same(equal: bool) -> Outcome:
    return "equal" if equal else "different"
