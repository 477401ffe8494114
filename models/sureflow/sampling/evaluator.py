"""Network evaluation on fixed row counts, so that a row's bits do not depend on its neighbours."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sureflow.core.draw import Purpose, normal
from sureflow.core.execution import Compile
from sureflow.networks import Reply, VelocityNetwork
from sureflow.sampling.compiled import Evaluate, compiled

ROW_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Block sizes tried on a CPU."""

GPU_ROW_COUNTS = (*ROW_COUNTS, 96, 128, 192, 256)
"""Block sizes tried on a GPU, which is not busy with fewer rows."""

NEAR_BEST = 1.15
"""Cost per row, relative to the lowest, at which more rows are not worth waiting for: they would
serve hardly more samples a second, and every lane would wait longer for each of its steps."""

WORTH_DIVIDING = 0.9
"""Cost of several blocks, relative to the one that holds all rows, up to which they are taken: a
timing on a busy machine may be wrong by as much."""

TIMED_S = 0.03
"""Block sizes are timed again until they have taken this long together."""


class Evaluator:
    """Evaluates any number of rows in padded blocks of verified sizes.

    Kernels choose their blocking by the size of the batch, and with it the order of their sums.
    The sizes used here were compared, bit by bit and at shifted positions, with the largest one
    when the evaluator was made; those that differ are left out. What remains gives the same bits
    in any division into blocks, so the division is free to follow the clock.

    Args:
        network: In evaluation mode, on its device.
        candidates: Block sizes to try; by default those that suit the device.
        compile: How blocks are run; see :func:`~sureflow.sampling.compiled.compiled`.

    Attributes:
        costs: Seconds that a block takes, by its size, ascending; measured when this was made.
    """

    def __init__(
        self,
        network: VelocityNetwork,
        candidates: Sequence[int] | None = None,
        compile: Compile = "off",
    ) -> None:
        usual = ROW_COUNTS if network.device.type == "cpu" else GPU_ROW_COUNTS
        self.network = network
        self._evaluate = compiled(network, compile)
        self.costs = verified_costs(network, candidates or usual, self._evaluate)
        self._divisions = [(0.0, 0)]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The block sizes in use, ascending."""
        return tuple(self.costs)

    @property
    def best_rows(self) -> int:
        """The smallest block whose cost per row is within 15 % of the lowest."""
        lowest = min(cost / size for size, cost in self.costs.items())
        near = (size for size, cost in self.costs.items() if cost / size <= NEAR_BEST * lowest)
        return next(near)

    def __call__(self, x: Tensor, t: Tensor, label: Tensor) -> Reply:
        """Velocity and variance of rows ``x [n, *shape]``, ``t [n]``, ``label [n]``; n >= 1."""
        replies = []
        start = 0
        for size in self.blocks(len(x)):
            part = slice(start, start + size)
            out = self._evaluate(_pad(x[part], size), _pad(t[part], size), _pad(label[part], size))
            kept = min(size, len(x) - start)
            replies.append(out.rows(slice(kept)))
            start += size
        return replies[0] if len(replies) == 1 else Reply.join(replies)

    def seconds(self, rows: int) -> float:
        """What it should take to evaluate this many rows, by :attr:`costs`."""
        return sum(self.costs[size] for size in self.blocks(rows))

    def blocks(self, rows: int) -> list[int]:
        """The sizes that hold this many rows, the last perhaps padded, at the least cost."""
        # By number of rows: the cost of the best division, and its first block.
        divisions = self._divisions
        for n in range(len(divisions), rows + 1):
            options = ((c + divisions[max(n - size, 0)][0], size) for size, c in self.costs.items())
            best = min(options)
            whole = next((size for size in self.costs if size >= n), None)
            if whole is not None and best[0] > WORTH_DIVIDING * self.costs[whole]:
                best = self.costs[whole], whole
            divisions.append(best)
        sizes = []
        while rows > 0:
            sizes.append(divisions[rows][1])
            rows -= sizes[-1]
        return sizes


def _pad(rows: Tensor, size: int) -> Tensor:
    missing = size - len(rows)
    if missing == 0:
        return rows
    return torch.cat([rows, rows[-1:].expand(missing, *rows.shape[1:])])


@torch.inference_mode()
def verified_costs(
    network: VelocityNetwork, candidates: Sequence[int], evaluate: Evaluate | None = None
) -> dict[int, float]:
    """Seconds by block size, of the sizes whose rows equal, bit for bit, those of the largest.

    Args:
        network: What is evaluated.
        candidates: Block sizes to try.
        evaluate: How it is evaluated; by default plainly.
    """
    evaluate = evaluate or network.moments
    largest = max(candidates)
    device = network.device
    x = torch.stack([normal(network.shape, 0, row, Purpose.START) for row in range(largest)])
    t = torch.linspace(0, 1, largest)
    label = torch.arange(largest) % (network.classes + 1)
    x, t, label = x.to(device), t.to(device), label.to(device)
    whole = evaluate(x, t, label)
    costs = dict.fromkeys(sorted(candidates), math.inf)
    rounds, spent = 0, 0.0
    # Round by round, so that a disturbance meets all sizes, and the least time counts.
    while rounds < 2 or spent < TIMED_S:
        for size in tuple(costs):
            start = 1 if rounds % 2 and size < largest else largest - size
            part = slice(start, start + size)
            begun = _clock(device)
            out = evaluate(x[part], t[part], label[part])
            taken = _clock(device) - begun
            spent += taken
            costs[size] = min(costs[size], taken)
            if not _same(out, whole, part):
                del costs[size]
        rounds += 1
    # Fewer rows never cost more than many; where it seemed so, the machine was busy.
    sizes, seconds = list(costs), list(costs.values())
    return dict(zip(sizes, np.minimum.accumulate(seconds[::-1])[::-1].tolist(), strict=True))


def _same(out: Reply, whole: Reply, part: slice) -> bool:
    pairs = zip(out.parts, whole.parts, strict=True)
    return all(z is None or (w is not None and torch.equal(z, w[part])) for z, w in pairs)


def _clock(device: torch.device) -> float:
    """Seconds; on a CPU those that this thread was running, since other processes are no cost."""
    if device.type == "cpu":
        return time.thread_time()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
