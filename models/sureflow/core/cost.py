"""What a lane costs, as far as its spec tells: plain data, free of torch."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """What a lane costs.

    Attributes:
        evaluations: Evaluations that it takes, one after another.
        rows: Network rows that each of them costs, those of its scores included.
        peak: Most rows that the lane asks for in one tick.
        extra: Rows that its scores ask for once.
        steps: Most steps that it may take.
        kind: What lanes have in common whose cost is learned from one another; ``None`` where the
            numbers above are exact.
    """

    evaluations: int
    rows: int
    peak: int
    steps: int
    extra: int = 0
    kind: Hashable | None = None
