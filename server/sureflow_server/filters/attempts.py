"""What filters have in common that draw on until enough samples pass."""

from __future__ import annotations

from dataclasses import dataclass

from sureflow.core.lane import Sample
from sureflow_server.filters.filter import Filter
from sureflow_server.filters.threshold import Threshold


@dataclass(frozen=True, slots=True)
class Attempts(Filter):
    """A filter that makes other samples in place of those that fail.

    Attributes:
        threshold: What a sample has to pass, and what becomes of it otherwise.
        count: How many shall pass.
        max_attempts: How many times ``count`` samples may be made; sample ``i`` is of attempt
            ``i // count + 1``, where indices are counted from ``first`` on.
        first: Index of the first sample.
    """

    threshold: Threshold
    count: int
    max_attempts: int
    first: int = 0

    @property
    def floor(self) -> float | None:
        """Confidence below which a sample may be given up on the way; ``None``: no sample may."""
        return self.threshold.floor

    def attempt(self, sample: Sample) -> int:
        """Return the number of the attempt that a sample is of, from 1 on."""
        index: int = sample.spec.index
        return (index - self.first) // self.count + 1
