"""The composition of a crystal, whatever the size of its cell."""

from __future__ import annotations

from math import gcd

import numpy as np

from sureflow.core.arrays import Integers

Formula = tuple[tuple[int, int], ...]
"""Atomic numbers in ascending order, each with the number of its atoms in the smallest unit."""


def formula_of(species: Integers) -> Formula:
    """The formula of atomic numbers ``[n]``."""
    numbers, counts = np.unique(species, return_counts=True)
    unit = gcd(*counts.tolist())
    pairs = zip(numbers.tolist(), (counts // unit).tolist(), strict=True)
    return tuple((number, count) for number, count in pairs)
