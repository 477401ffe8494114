"""CIF, written and read by gemmi, of the extra ``crystals``. Free of torch."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from sureflow.core.codec import AnyArray
from sureflow.core.crystal import VECTORS, species_of
from sureflow.families.crystals.formula import formula_of, symbol_of

SAME = 1e-3
"""Fractional coordinates of one site differ by less than this."""


def can_cif() -> bool:
    """Whether CIF can be written and read."""
    return find_spec("gemmi") is not None


def text_of(table: AnyArray) -> str:
    """A table as CIF, without symmetry (P 1)."""
    import gemmi

    crystal, lattice = gemmi.SmallStructure(), table[:VECTORS, :3].astype(np.float64)
    crystal.name = formula_of(species_of(table).tolist())
    crystal.cell = gemmi.UnitCell(*_lengths_and_angles(lattice))
    crystal.spacegroup_hm = "P 1"
    for number, (index, row) in zip(
        species_of(table).tolist(), enumerate(table[VECTORS:]), strict=True
    ):
        site = gemmi.SmallStructure.Site()
        site.label = f"{symbol_of(number)}{index + 1}"
        site.type_symbol, site.element = symbol_of(number), gemmi.Element(symbol_of(number))
        site.fract = gemmi.Fractional(*row[:3].astype(np.float64).tolist())
        site.occ = 1.0
        crystal.add_site(site)
    return str(crystal.make_cif_block().as_string())


def table_of_cif(text: str) -> AnyArray:
    """The table of the first structure of a CIF, with all atoms of its primitive cell.

    The primitive cell is that of the centring that the space group of the file has; atoms are in
    the order of their sites. Without a space group the cell is taken as it is.

    Raises:
        ValueError: It holds no crystal whose sites are all occupied by one element each.
    """
    import gemmi

    try:
        block = gemmi.cif.read_string(text).sole_block()
        crystal = gemmi.make_small_structure_from_block(block)
        sites = [*crystal.get_all_unit_cell_sites()]
    except Exception as error:  # a file can be wrong in many ways
        raise ValueError(f"is no CIF of one crystal: {str(error).splitlines()[0]:.100}") from None
    if not sites or any(site.occ != 1 or not site.element.atomic_number for site in sites):
        raise ValueError("has no sites, or some that are not occupied by one element alone")
    frac = np.array([[site.fract.x, site.fract.y, site.fract.z] for site in sites])
    numbers = np.array([site.element.atomic_number for site in sites], np.float64)
    lattice = np.array(crystal.cell.orth.mat.tolist()).T
    vectors = _primitive(crystal.spacegroup)
    inside = frac @ np.linalg.inv(vectors)
    first = _first_of_each(inside, numbers)
    if first.sum() == round(len(sites) * abs(np.linalg.det(vectors))):
        lattice, frac, numbers = vectors @ lattice, inside[first], numbers[first]
    rows = np.column_stack([frac % 1.0, numbers])
    return np.concatenate([np.pad(lattice, ((0, 0), (0, 1))), rows]).astype(np.float32)


def _primitive(group: Any) -> npt.NDArray[np.float64]:
    """The vectors of the primitive cell of a space group, in rows, in those of its cell."""
    if group is None:
        return np.eye(3)
    change = group.centred_to_primitive()
    vectors: npt.NDArray[np.float64] = np.array(change.rot, np.float64).T / change.DEN
    return vectors


def _first_of_each(
    frac: npt.NDArray[np.float64], numbers: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Which atoms are no images of atoms before them."""
    apart = frac[:, None] - frac[None]
    near = (np.abs(apart - apart.round()) < SAME).all(-1)
    same = near & (numbers[:, None] == numbers)
    first: npt.NDArray[np.bool_] = ~np.tril(same, -1).any(1)
    return first


def _lengths_and_angles(lattice: AnyArray) -> list[float]:
    lengths = np.sqrt(np.square(lattice).sum(1))
    cosines = [
        lattice[a] @ lattice[b] / (lengths[a] * lengths[b]) for a, b in ((1, 2), (0, 2), (0, 1))
    ]
    return [*lengths.tolist(), *np.degrees(np.arccos(np.clip(cosines, -1, 1))).tolist()]
