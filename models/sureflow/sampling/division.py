"""How a number of rows is divided into blocks, at the least cost."""

from __future__ import annotations

from collections.abc import Mapping

WORTH_DIVIDING = 0.9
"""Cost of several blocks, relative to the one that holds all rows, up to which they are taken: a
timing on a busy machine may be wrong by as much."""


class Division:
    """The best division of any number of rows; each is worked out once.

    Args:
        costs: Cost of a block by its size, ascending.
    """

    def __init__(self, costs: Mapping[int, float]) -> None:
        self._costs = costs
        # By number of rows: the cost of the best division, and its first block.
        self._best = [(0.0, 0)]
        self._blocks: dict[int, tuple[int, ...]] = {}

    def blocks(self, rows: int) -> tuple[int, ...]:
        """The sizes that hold this many rows, the last perhaps padded."""
        found = self._blocks.get(rows)
        if found is None:
            found = self._blocks[rows] = tuple(self._found(rows))
        return found

    def cost(self, rows: int) -> float:
        """What they cost together."""
        return sum(self._costs[size] for size in self.blocks(rows))

    def _found(self, rows: int) -> list[int]:
        for n in range(len(self._best), rows + 1):
            self._best.append(self._first(n))
        sizes = []
        while rows > 0:
            sizes.append(self._best[rows][1])
            rows -= sizes[-1]
        return sizes

    def _first(self, rows: int) -> tuple[float, int]:
        costs, rest = self._costs, self._best
        best = min((cost + rest[max(rows - size, 0)][0], size) for size, cost in costs.items())
        whole = next((size for size in costs if size >= rows), None)
        if whole is not None and best[0] > WORTH_DIVIDING * costs[whole]:
            return costs[whole], whole
        return best
