"""The cost of a lane, as far as its spec says: plain data, free of torch."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a lane.

    Attributes:
        evaluations: Evaluations that the lane takes, one after another.
        rows: Network rows of each evaluation, including those that its scores ask for.
        peak: Most rows that the lane asks for in one tick.
        extra: Rows that its scores ask for once in a lane.
        steps: Most steps that the lane may take.
        kind: A key shared by lanes of similar cost, by whose actual costs the server corrects the
            estimate. ``None`` if the numbers above are exact.
    """

    evaluations: int
    rows: int
    peak: int
    steps: int
    extra: int = 0
    kind: Hashable | None = None
