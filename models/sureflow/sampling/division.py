"""How a number of rows is divided into blocks, at the least cost."""

from __future__ import annotations

from collections.abc import Mapping

WORTH_DIVIDING = 0.9
"""Cost of several blocks, relative to the one that holds all rows, up to which they are taken: a
timing on a busy machine may be wrong by as much."""


class Division:
    """The best division of any number of rows; each is worked out once.

    Attributes:
        costs: Cost of a block by its size, ascending.
    """

    def __init__(self, costs: Mapping[int, float]) -> None:
        self.costs = costs
        # By number of rows: the cost of the best division, and its blocks.
        self._best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]

    def blocks(self, rows: int) -> tuple[int, ...]:
        """The sizes that hold this many rows, the last perhaps padded."""
        for n in range(len(self._best), rows + 1):
            self._best.append(self._found(n))
        return self._best[rows][1]

    def cost(self, rows: int) -> float:
        """What they cost together."""
        return sum(self.costs[size] for size in self.blocks(rows))

    def _found(self, rows: int) -> tuple[float, tuple[int, ...]]:
        costs, rest = self.costs, self._best
        best, first = min((cost + rest[max(rows - n, 0)][0], n) for n, cost in costs.items())
        whole = next((size for size in costs if size >= rows), None)
        if whole is not None and best > WORTH_DIVIDING * costs[whole]:
            return costs[whole], (whole,)
        return best, (first, *rest[max(rows - first, 0)][1])
