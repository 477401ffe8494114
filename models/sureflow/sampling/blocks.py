"""Which block sizes give a row the same bits, whatever its place in the block and its company."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from sureflow.core.unwatched import unwatched

Evaluate = Callable[..., Mapping[str, Tensor]]
"""A head: tensors by name, of ``n`` rows each, to answers by name, of ``n`` rows each."""

Example = Callable[[int], dict[str, Tensor]]
"""That many rows as the head may be asked for, always the same ones, no two alike."""

ROUNDING = 0.1
"""Difference between two answers for one row, relative to their rms, up to which it may come of
rounding (in bfloat16, of a sum that cancels). Beyond it the network looks at more than the row."""

OVERHEAD_FLOPS = 2e7
"""Operations that take about as long as what every evaluation takes for a block of any size."""

UNCOUNTED_FLOPS = 1e7
"""Operations a row, where a network does what torch cannot count."""

LARGE, WORTH_FLOPS = 16, 1e9
"""Rows of a block beyond which larger ones are tried on a CPU only as long as a block has no more
operations than that. Where it has, a row costs no less in it, and trying the largest sizes would
take longer than trying all others."""

TIMED_S = 0.03
"""Block sizes are tried again, on other rows, until that has taken so long..."""

TURNS = 8
"""... or so many times."""

REPEATS = 8
"""Times that rows are asked for again to find out whether a network is random."""

SMALLEST = 1e-30
"""Stands for a difference in bits alone, such as that of the two zeros."""

Gaps = dict[tuple[int, int], float]
"""Largest difference found between answers for one row, by the two block sizes."""


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


@dataclass(frozen=True, slots=True)
class _Trial:
    """One block evaluated: the rows of the example from ``first`` on."""

    first: int
    size: int
    answers: Mapping[str, Tensor]


@torch.inference_mode()
def verified_costs(
    evaluate: Evaluate, example: Example, candidates: Sequence[int], device: torch.device
) -> dict[int, float]:
    """Seconds by block size, of sizes that all give a row the same bits; ascending.

    Every size, the largest included, is compared bit by bit with itself and with all others: on
    the same rows at other positions, among rows that differ in all inputs. So the sizes fall into
    classes. Of several classes, the cheapest for one row and for many is taken. Its price is
    counted in operations, because a clock would choose differently from one day to the next, and
    bytes would change with it; so are large sizes left out of which nothing is to be gained. The
    result is empty if no size agrees with itself.

    Raises:
        ValueError: A row's answer depends on the rows beside it, is another one each time, or is
            finite for no row of some time or label; says which.
    """
    sizes = sorted(set(candidates))
    each = cache(lambda: _flops(evaluate, example(sizes[0])))
    if device.type == "cpu":
        sizes = sizes[:1] + [n for n in sizes[1:] if n <= LARGE or n * each() <= WORTH_FLOPS]
    rows = example(2 * sizes[-1])
    costs, gaps = _try_all(evaluate, rows, sizes, device)
    if max(gaps.values()) > ROUNDING:
        raise ValueError(_fault(evaluate, rows, sizes[0]))
    chosen = _cheapest(_classes(sizes, gaps), each)
    # Fewer rows never cost more than many; where it seemed so, the machine was busy.
    seconds = np.minimum.accumulate([costs[size] for size in reversed(chosen)])
    return dict(zip(chosen, seconds[::-1].tolist(), strict=True))


def _try_all(
    evaluate: Evaluate, rows: dict[str, Tensor], sizes: list[int], device: torch.device
) -> tuple[dict[int, float], Gaps]:
    """Least seconds by size, and the differences between sizes."""
    costs, gaps = dict.fromkeys(sizes, math.inf), Gaps()
    turn, spent = 0, 0.0
    # Turn by turn, so that a disturbance meets all sizes, and the least time counts.
    while turn == 0 or (spent < TIMED_S and turn < TURNS):
        trials = []
        for size, first in _windows(sizes, turn):
            # In place of the rows themselves, as a network may work in place.
            part = {name: z.clone()[first : first + size] for name, z in rows.items()}
            begun = clock(device)
            answers = evaluate(**part)
            taken = clock(device) - begun
            spent += taken
            costs[size] = min(costs[size], taken)
            trials.append(_Trial(first, size, answers))
        if turn == 0:
            _check_answers(rows, trials)
        for one, other in combinations(trials, 2):
            sizes_of = one.size, other.size
            gaps[sizes_of] = max(gaps.get(sizes_of, 0.0), _gap(one, other))
        turn += 1
    return costs, gaps


def _windows(sizes: list[int], turn: int) -> Iterator[tuple[int, int]]:
    """Sizes, ascending, and where their blocks begin: two overlapping ones each.

    The second one is shifted by an odd number of rows, nearly half a block, so that together they
    compare every position. One row alone is asked for twice, before and after another.
    """
    first = 5 * turn % (sizes[-1] // 2 + 1)
    for size in sizes:
        shift = (size // 2 - 1) | 1 if size > 1 else 1
        yield from ((size, first), (size, first + shift))
        if size == 1:
            yield size, first


def _gap(one: _Trial, other: _Trial) -> float:
    """Largest difference in the rows that both trials have; 0 only where all bits are equal."""
    first = max(one.first, other.first)
    last = min(one.first + one.size, other.first + other.size)
    if first >= last:
        return 0.0
    mine, others = (slice(first - each.first, last - each.first) for each in (one, other))
    return max(_difference(z, other.answers[name], mine, others) for name, z in one.answers.items())


def _difference(z: Tensor, w: Tensor, mine: slice, others: slice) -> float:
    bits, other_bits = (rows.contiguous().view(torch.uint8) for rows in (z[mine], w[others]))
    if torch.equal(bits, other_bits):
        return 0.0
    a, b = z[mine].double(), w[others].double()
    alike = (a == b) | (a.isnan() & b.isnan())
    largest = float((a - b).abs().nan_to_num(nan=math.inf).where(~alike, 0.0).max())
    squares = (each.double().nan_to_num(0, 0, 0).square().mean() for each in (z, w))
    return max(largest / max(math.sqrt(max(map(float, squares))), SMALLEST), SMALLEST)


def _check_answers(rows: dict[str, Tensor], trials: list[_Trial]) -> None:
    """Check that every row has an answer, and every value of an input a finite one."""
    finite: dict[str, dict[int, bool]] = defaultdict(dict)
    for trial in trials:
        for answer, z in trial.answers.items():
            if z.shape[:1] != (trial.size,):
                raise ValueError(f"{answer}: {trial.size} rows get an answer of {[*z.shape]}")
            found = z.isfinite().reshape(trial.size, -1).all(1).tolist()
            finite[answer].update(enumerate(found, trial.first))
    values = {name: z.tolist() for name, z in rows.items() if z.dim() == 1}
    for answer, of_rows in finite.items():
        for name, value in values.items():
            bad = {value[row] for row in of_rows} - {value[row] for row in of_rows if of_rows[row]}
            if bad:
                raise ValueError(f"{answer} is not finite at {name} = {min(bad):g}")


def _fault(evaluate: Evaluate, rows: dict[str, Tensor], size: int) -> str:
    """Why answers for the same row are far apart."""

    def ask() -> _Trial:
        return _Trial(0, size, evaluate(**{name: z[:size].clone() for name, z in rows.items()}))

    first = ask()
    if any(_gap(first, ask()) for _ in range(REPEATS)):
        return "the same rows get another answer each time: is something in it random?"
    return (
        "the answer for a row depends on the rows beside it: does something look across the batch?"
    )


def _classes(sizes: list[int], gaps: Gaps) -> list[list[int]]:
    """The sizes that agree with themselves, by whom else they agree with."""
    classes: list[list[int]] = []
    for size in sizes:
        if gaps[size, size]:
            continue
        for members in classes:
            if not any(gaps[each, size] for each in members):
                members.append(size)
                break
        else:
            classes.append([size])
    return classes


def _cheapest(classes: list[list[int]], flops: Callable[[], float]) -> list[int]:
    """The class for which one row and as many as the largest block holds cost least, as a product.

    One row alone waits for its whole block; many rows want large ones.
    """
    if len(classes) < 2:
        return classes[0] if classes else []
    each, most = flops(), max(size for members in classes for size in members)

    def price(members: list[int]) -> float:
        division = Division({size: OVERHEAD_FLOPS + size * each for size in members})
        return division.cost(1) * division.cost(most)

    return min(classes, key=price)


def _flops(evaluate: Evaluate, rows: dict[str, Tensor]) -> float:
    """Operations that each of these rows takes, as far as torch can count them."""
    try:
        with unwatched(FlopCounterMode.__module__), FlopCounterMode(display=False) as counter:
            evaluate(**rows)
        counted = counter.get_total_flops() / len(next(iter(rows.values())))
    except Exception:  # a third-party network may raise anything, if it is watched
        counted = 0.0
    return counted or UNCOUNTED_FLOPS


def clock(device: torch.device) -> float:
    """Seconds; on a CPU those that this thread was running, since other processes are no cost."""
    if device.type == "cpu":
        return time.thread_time()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
