"""Charge-balanced compositions of one, two and three elements."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from sureflow.training.crystals.composition import Composition, tolerance

HALOGENS, CHALCOGENS, PNICTOGENS = "F Cl Br I", "O S Se Te", "N P As Sb"

ONE_TO_ONE = (
    ("Li Na K Rb Cs Cu Ag Tl", HALOGENS),
    ("Be Mg Ca Sr Ba Zn Cd Mn Fe Co Ni Pb Sn Ge", CHALCOGENS),
    ("B Al Ga In Sc Y La", PNICTOGENS),
    ("Si Ti Zr Hf V Nb Ta", "C"),
)
"""Cations and anions of equal charge."""

ONE_TO_TWO = (
    ("Mg Ca Sr Ba Zn Cd Mn Fe Co Ni Pb Sn Ge", HALOGENS),
    ("Ti Zr Hf Si Ge Sn Pb Mo W V Nb Ta", CHALCOGENS),
)
"""Cations, and anions of half their charge."""

TWO_TO_ONE = (("Li Na K Rb Cs Cu Ag", CHALCOGENS), ("Mg Ca", "Si Ge Sn Pb"))
"""Cations, and anions of twice their charge."""

PEROVSKITES = (
    ("Na K Rb Cs", "Mg Ca Zn Cd Mn Fe Co Ni Ge Sn Pb", "F Cl Br"),
    ("Ca Sr Ba Pb", "Ti Zr Hf Sn Ge Si Mn V Nb Mo", "O"),
    ("La Y", "Al Ga In Sc Mn Fe Co Ni V Ti", "O"),
    ("Na K Rb", "Nb Ta", "O"),
    ("Ca Sr Ba", "Ti Zr Hf", "S"),
)
"""Large cations, small cations and three anions of half the charge of both, or a third of it."""

TOLERANCE = (0.8, 1.1)
"""The range of Goldschmidt's tolerance factor in which perovskites are tried."""


def compounds() -> list[Composition]:
    """All compositions of more than one element."""
    found = [Composition(a + b, "AB", (a, b)) for a, b in _pairs(ONE_TO_ONE)]
    found += [Composition(f"{a}{b}2", "AB2", (a, b)) for a, b in _pairs(ONE_TO_TWO)]
    found += [Composition(f"{a}2{b}", "A2B", (b, a)) for a, b in _pairs(TWO_TO_ONE)]
    triples = (named for group in PEROVSKITES for named in product(*map(str.split, group)))
    low, high = TOLERANCE
    return found + [
        Composition(f"{a}{b}{x}3", "ABX3", (a, b, x))
        for a, b, x in triples
        if low <= tolerance(a, b, x) <= high
    ]


def elements_of(compositions: list[Composition]) -> list[Composition]:
    """The elements of compositions, each as a composition of its own."""
    names = sorted({name for one in compositions for name in one.elements})
    return [Composition(name, "A", (name,)) for name in names]


def _pairs(groups: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for cations, anions in groups:
        yield from product(cations.split(), anions.split())
