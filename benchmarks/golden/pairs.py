"""A small part of a cross product in which every pair of choices still occurs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product

Choice = dict[str, str]
"""One choice for each factor."""


def covering(
    factors: Mapping[str, Sequence[str]], possible: Callable[[Choice], bool]
) -> list[Choice]:
    """Combinations that together contain every pair of choices that is possible.

    Each time that one is taken which holds most of the pairs still missing, the first of several;
    so the answer is always the same.

    Args:
        factors: What there is to choose from, by factor.
        possible: Whether a combination makes sense.
    """
    combined = (dict(zip(factors, chosen, strict=True)) for chosen in product(*factors.values()))
    candidates = [choice for choice in combined if possible(choice)]
    numbers: dict[object, int] = {}
    covered = [
        sum(1 << numbers.setdefault(pair, len(numbers)) for pair in combinations(one.items(), 2))
        for one in candidates
    ]
    missing = (1 << len(numbers)) - 1
    taken = []
    while missing:
        best = max(range(len(covered)), key=lambda number: (covered[number] & missing).bit_count())
        missing &= ~covered[best]
        taken.append(candidates[best])
    return taken
