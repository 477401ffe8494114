"""What potentials and pymatgen say of drawn crystals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.crystals.drawn import Drawn
from sureflow.core.arrays import Flags, Floats, Integers
from sureflow.evaluation.crystals.formula import formula_of
from sureflow.evaluation.crystals.hull import Hull
from sureflow.evaluation.crystals.known import Known, known
from sureflow.evaluation.crystals.matching import Catalogue, displacement, first_of_kind
from sureflow.evaluation.crystals.potential import Potential
from sureflow.evaluation.crystals.validity import apart, charge_balanced, overlapping
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.crystal_set import CrystalSet
from sureflow.training.crystals.relaxation import Relaxed

FAILED = float("inf")
"""Energy of what the potential gives none to: it is worse than all others."""


@dataclass(frozen=True, eq=False)
class Judged:
    """N crystals in columns.

    Attributes:
        composition: A number of each composition, ``[N]``.
        atoms: Atom numbers, ``[N]``; samples compare with those of as many atoms.
        seed: Of the draws, ``[N]``.
        scores: By name, ``[N]``; larger is less sure.
        raw: Energy above the best known polymorph, as drawn, by potential, in eV/atom ``[N]``;
            infinite where atoms overlap. Others than CHGNet are asked about relaxed ones alone.
        relaxed: The same after a relaxation by CHGNet; NaN of those that were not relaxed, of which
            all that is said of relaxed ones means nothing.
        above_hull: Energy above our hull after relaxation, by CHGNet, NaN where there is none.
        steps: Steps of the relaxation.
        apart: Whether atoms are apart.
        overlap: Whether atoms overlap, which is more than that they are not apart.
        balanced: 1 where charges add up, 0 where not, NaN where that does not apply.
        known_raw: Whether the drawn crystal matches a known polymorph.
        known_relaxed: Whether the relaxed one does.
        unique: Whether the relaxed one matches none that was drawn before it.
        displaced: RMS distance of its atoms from the relaxed ones, in angstrom; NaN if no match.
    """

    composition: Integers
    atoms: Integers
    seed: Integers
    scores: dict[str, Floats]
    raw: dict[str, Floats]
    relaxed: dict[str, Floats]
    above_hull: Floats
    steps: Integers
    apart: Flags
    overlap: Flags
    balanced: Floats
    known_raw: Flags
    known_relaxed: Flags
    unique: Flags
    displaced: Floats

    def where(self, chosen: Flags) -> Judged:
        """Those of some rows."""

        def rows(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: column[chosen] for name, column in value.items()}
            return value[chosen]

        return Judged(**{name: rows(value) for name, value in vars(self).items()})

    def save(self, path: Path) -> None:
        """Write the columns as ``.npz``; those of a dictionary are named by both, with a colon."""
        columns: dict[str, np.ndarray[Any, Any]] = {}
        for name, value in vars(self).items():
            columns |= _joined(name, value) if isinstance(value, dict) else {name: value}
        np.savez(path, allow_pickle=False, **columns)

    @classmethod
    def load(cls, path: Path) -> Judged:
        """Read them."""
        found: dict[str, Any] = {}
        with np.load(path, allow_pickle=False) as columns:
            for name, column in columns.items():
                whole, _, part = name.partition(":")
                if part:
                    found.setdefault(whole, {})[part] = column
                else:
                    found[whole] = column
        return cls(**found)


def _joined(name: str, columns: dict[str, Floats]) -> dict[str, Floats]:
    return {f"{name}:{part}": column for part, column in columns.items()}


def judge(
    drawn: Sequence[Drawn],
    crystals: CrystalSet,
    chgnet: Potential,
    other: Potential | None = None,
    relaxed_seeds: Collection[int] | None = None,
) -> Judged:
    """Judge crystals by CHGNet, and by another potential whose energies stay apart.

    Args:
        drawn: What is judged.
        crystals: Those that are known, with their energies by CHGNet.
        chgnet: Relaxes, and judges.
        other: Judges the same structures once more, against its own energies of the known ones.
        relaxed_seeds: Seeds of the draws that are relaxed, which costs the most; all by default.
    """
    raw = [each.crystal for each in drawn]
    left = [relaxed_seeds is not None and each.seed not in relaxed_seeds for each in drawn]
    ends = [
        None if out else _relaxed(chgnet, crystal)
        for crystal, out in zip(tqdm(raw, "relaxed", unit="crystal"), left, strict=True)
    ]
    relaxed = [c if end is None else end.crystal for c, end in zip(raw, ends, strict=True)]
    names = [crystals.prototypes[at] for at in crystals.prototype]
    catalogue = Catalogue(zip(names, crystals.crystals(), strict=True))
    tables = {chgnet.name: (chgnet, known())}
    if other is not None:
        tables[other.name] = (other, _known_by(other, crystals, raw))
    hull = Hull(known())
    return Judged(
        composition=_numbers([each.composition for each in drawn]),
        atoms=np.array([len(crystal.species) for crystal in raw]),
        seed=np.array([each.seed for each in drawn]),
        scores={name: np.array([d.scores[name] for d in drawn]) for name in drawn[0].scores},
        raw={
            name: _above(*pair, raw, [] if pair[0] is chgnet else left)
            for name, pair in tables.items()
        },
        relaxed={name: _above(*pair, relaxed, left) for name, pair in tables.items()},
        above_hull=np.array([_number(_above_hull(hull, end)) for end in ends]),
        steps=np.array([0 if end is None else end.steps for end in ends]),
        apart=np.array([apart(crystal) for crystal in raw]),
        overlap=np.array([overlapping(crystal) for crystal in raw]),
        balanced=np.array([_number(charge_balanced(crystal.species)) for crystal in raw]),
        known_raw=np.array([catalogue.name_of(crystal) is not None for crystal in raw]),
        known_relaxed=np.array([catalogue.name_of(crystal) is not None for crystal in relaxed]),
        unique=np.array(first_of_kind(relaxed)),
        displaced=np.array(
            [_number(displacement(*pair)) for pair in zip(raw, relaxed, strict=True)]
        ),
    )


def _relaxed(potential: Potential, crystal: Crystal) -> Relaxed | None:
    try:
        return potential.relaxed(crystal)
    except (ArithmeticError, RuntimeError, ValueError, np.linalg.LinAlgError):
        return None


def _above_hull(hull: Hull, end: Relaxed | None) -> float | None:
    if end is None or overlapping(end.crystal):
        return None
    return hull.above(end.crystal, end.energy)


def _above(
    potential: Potential, table: Known, crystals: Sequence[Crystal], left: Sequence[bool]
) -> Floats:
    """Energies above the best known polymorph ``[N]``, NaN of those that are left out."""
    out = left or [False] * len(crystals)
    return np.array(
        [
            np.nan if skipped else _energy_above(potential, table, crystal)
            for crystal, skipped in zip(crystals, out, strict=True)
        ]
    )


def _energy_above(potential: Potential, table: Known, crystal: Crystal) -> float:
    try:
        energy = potential.energy(crystal)
    except (ArithmeticError, RuntimeError, ValueError):
        return FAILED
    return table.above(crystal, energy)


def _known_by(potential: Potential, crystals: CrystalSet, drawn: Sequence[Crystal]) -> Known:
    """The known polymorphs of what was drawn, with their energies by another potential."""
    wanted = {formula_of(crystal.species) for crystal in drawn}
    alike = [each for each in crystals.crystals() if formula_of(each.species) in wanted]
    return Known.of((each, potential.energy(each)) for each in alike)


def _numbers(keys: Sequence[object]) -> Integers:
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return np.array([places[key] for key in keys])


def _number(value: float | bool | None) -> float:
    return float("nan") if value is None else float(value)
