"""Judges of samples that are crystals, by CHGNet 0.3.0.

For ``sureflow calibrate --judge sureflow.evaluation.crystals.judge:unstable``, for ``sureflow probe
--judge sureflow.evaluation.crystals.judge:above_best``, and for filters of a server that is started
with ``sureflow serve --judge chgnet=sureflow.evaluation.crystals.judge:above_best``.
"""

from __future__ import annotations

from functools import cache

from sureflow.core.lane import Sample
from sureflow.evaluation.crystals.hull import Hull
from sureflow.evaluation.crystals.known import known
from sureflow.evaluation.crystals.potential import potential
from sureflow.evaluation.crystals.samples import crystals_of

UNSTABLE = 0.1
"""Energy above the best known polymorph from which on a crystal is bad, in eV/atom."""


def above_best(samples: list[Sample]) -> list[float]:
    """Energy of each crystal, as it is, above the best known polymorph, in eV/atom.

    Raises:
        ValueError: A sample is no crystal, has no energy, or no polymorph of it is known.
    """
    chgnet = potential("chgnet")
    return [known().above(each, chgnet.energy(each)) for each in crystals_of(samples)]


def relaxed_above_best(samples: list[Sample]) -> list[float]:
    """The same after a relaxation, which costs some fifty times as much.

    Raises:
        ValueError: As :func:`above_best`.
    """
    chgnet = potential("chgnet")
    ends = [chgnet.relaxed(each).crystal for each in crystals_of(samples)]
    return [known().above(end, chgnet.energy(end)) for end in ends]


def above_hull(samples: list[Sample]) -> list[float]:
    """Energy of each crystal, as it is, above the hull of the crystals that ship, in eV/atom.

    Raises:
        ValueError: As :func:`above_best`; that an element is missing in the hull.
    """
    chgnet, hull = potential("chgnet"), _hull()
    found = [hull.above(each, chgnet.energy(each)) for each in crystals_of(samples)]
    if None in found:
        raise ValueError("the hull has no crystal of one of the elements")
    return [value for value in found if value is not None]


@cache
def _hull() -> Hull:
    return Hull(known())


def unstable(samples: list[Sample]) -> list[bool]:
    """Whether each crystal is more than 0.1 eV/atom above the best known polymorph.

    One that has no energy is unstable.

    Raises:
        ValueError: No polymorph of a crystal is known.
    """
    return [_unstable(sample) for sample in samples]


def _unstable(sample: Sample) -> bool:
    try:
        (crystal,) = crystals_of([sample])
        energy = potential("chgnet").energy(crystal)
    except (ArithmeticError, RuntimeError, ValueError):
        return True
    return known().above(crystal, energy) > UNSTABLE
