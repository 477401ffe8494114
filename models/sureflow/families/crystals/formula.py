"""Compositions as people write them. Free of torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from math import gcd

import numpy as np
import numpy.typing as npt

from sureflow.core.elements import HEAVIEST, NUMBERS, SYMBOLS

TERM = re.compile(r"([A-Z][a-z]?)(\d{0,3})")
MAX_LENGTH = 200
"""Most characters of a formula, or of a list of elements."""

LETTERS = "ABCDEFGH"
"""Names of the elements of a stoichiometry."""

UNKNOWN = "X"
"""Symbol of an element that is not given."""


def unit(formula: str) -> list[int]:
    """The atomic numbers of the smallest formula unit, element by element as they are written.

    Raises:
        ValueError: It is no formula of elements and their numbers, such as ``MgF2``.
    """
    terms = TERM.findall(formula)
    if not terms or "".join(map("".join, terms)) != formula or len(formula) > MAX_LENGTH:
        raise ValueError(f"{formula!r:.60} is no formula, such as MgF2")
    counts: Counter[int] = Counter()
    for symbol, count in terms:
        counts[_number(symbol)] += int(count or 1)
    shared = gcd(*counts.values())
    if not shared or not all(counts.values()):
        raise ValueError(f"{formula!r:.60} has an element of which there is none")
    return [number for number, count in counts.items() for _ in range(count // shared)]


def elements(text: str) -> list[int]:
    """The atomic numbers of atoms in a list such as ``Mg F F``.

    Raises:
        ValueError: An element is not known.
    """
    return [_number(symbol) for symbol in text[:MAX_LENGTH].split()]


def formula_of(species: Iterable[int]) -> str:
    """The formula of these atoms, in the order of the elements' first atoms."""
    counts = Counter(species)
    return "".join(f"{symbol_of(z)}{count if count > 1 else ''}" for z, count in counts.items())


def symbol_of(number: int) -> str:
    """The symbol of an atomic number; ``X`` for none."""
    return SYMBOLS[number - 1] if 1 <= number <= HEAVIEST else UNKNOWN


def stratum(species: npt.NDArray[np.generic]) -> str:
    """Number of atoms and stoichiometry, such as ``*6 AB2``; empty if an element is not given.

    The star says that it is no class.
    """
    numbers = species.astype(np.int64).tolist()
    if not all(numbers):
        return ""
    counts = sorted(Counter(numbers).values())
    shares = [count // gcd(*counts) for count in counts]
    letters = LETTERS if len(shares) <= len(LETTERS) else [f"({k})" for k in range(len(shares))]
    ratio = "".join(f"{a}{k if k > 1 else ''}" for a, k in zip(letters, shares, strict=False))
    return f"*{len(numbers)} {ratio}"


def _number(symbol: str) -> int:
    if symbol not in NUMBERS:
        raise ValueError(f"{symbol!r:.20} is no element")
    return NUMBERS[symbol]
