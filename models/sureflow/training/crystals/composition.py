"""A composition: elements, and how many of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Composition:
    """Elements and how many of each.

    Attributes:
        formula: As it is written, such as ``MgF2``.
        kind: A, AB, AB2, A2B or ABX3.
        elements: In the order of the sites of the prototypes: the one that there is less of first.
    """

    formula: str
    kind: str
    elements: tuple[str, ...]


def tolerance(large: str, small: str, anion: str) -> float:
    """Goldschmidt's tolerance factor of a perovskite, from empirical atomic radii (Slater 1964)."""
    a, b, x = radii((large, small, anion))
    return float((a + x) / (2**0.5 * (b + x)))


def radii(elements: tuple[str, ...]) -> list[float]:
    """Empirical radii of atoms in angstrom (Slater 1964)."""
    from pymatgen.core import Element

    return [float(Element(name).atomic_radius) for name in elements]


def atomic_numbers(elements: tuple[str, ...]) -> list[int]:
    """Their places in the periodic table."""
    from pymatgen.core import Element

    return [int(Element(name).Z) for name in elements]
