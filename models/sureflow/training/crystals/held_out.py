"""Compositions that are kept from the training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sureflow.training.crystals.composition import Composition

SHARE = 0.2
"""Share of the compositions of each kind."""

ELSEWHERE = 3
"""Every element is in this many compounds, at least, that are for training."""


def held_out(compositions: Sequence[Composition], seed: int) -> set[str]:
    """Formulae of compounds to be held out: a share of each kind, drawn by chance.

    Crystals of an element are never held out.
    """
    compounds = [one for one in compositions if one.kind != "A"]
    left = Counter(name for one in compounds for name in one.elements)
    wanted = {kind: round(SHARE * count) for kind, count in _kinds(compounds).items()}
    chosen = set()
    for at in np.random.default_rng(seed).permutation(len(compounds)):
        one = compounds[at]
        if wanted[one.kind] and all(left[name] > ELSEWHERE for name in one.elements):
            wanted[one.kind] -= 1
            left.subtract(one.elements)
            chosen.add(one.formula)
    return chosen


def _kinds(compositions: Sequence[Composition]) -> Counter[str]:
    return Counter(one.kind for one in compositions)
