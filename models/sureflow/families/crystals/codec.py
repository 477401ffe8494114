"""The codec of crystals: JSON with names, CIF, extended XYZ, and tables. Free of torch.

CIF is written and read by gemmi, of the extra ``crystals``; without it tables are served.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.codec import AnyArray, Codec
from sureflow.core.crystal import VECTORS, species_of
from sureflow.families.crystals.formula import formula_of, symbol_of

CIF, XYZ, STRUCTURE = "cif", "extxyz", "structure"


class CrystalCodec(Codec):
    """Encodes tables ``[3 + n, 4]``, see :mod:`sureflow.core.crystal`.

    ``structure`` is JSON with the lattice in angstrom, fractional coordinates, symbols and formula.
    """

    media_types: ClassVar[Mapping[str, str]] = {
        CIF: "chemical/x-cif",
        XYZ: "chemical/x-xyz",
        STRUCTURE: "application/json",
        **Codec.media_types,
    }
    standalone = (CIF, XYZ)

    def formats(self, card: ModelCard) -> tuple[str, ...]:
        """The formats of a model's samples: CIF only where gemmi is installed."""
        return (STRUCTURE, *((CIF,) if can_cif() else ()), XYZ, "npy", "list")

    def file(self, data: AnyArray, format: str) -> bytes:
        """Encode a sample as a file."""
        if format == CIF:
            return cif(data).encode()
        return extended_xyz(data).encode() if format == XYZ else super().file(data, format)

    def encode(self, data: AnyArray, format: str) -> Any:
        """Encode a sample for JSON; ``None`` in all formats but ``npy`` if it is not finite."""
        named = format == STRUCTURE and np.isfinite(data).all()
        return structure(data) if named else super().encode(data, format)


def can_cif() -> bool:
    """Whether CIF can be written and read."""
    return find_spec("gemmi") is not None


def structure(table: AnyArray) -> dict[str, Any]:
    """A table with names."""
    species = species_of(table).tolist()
    return {
        "formula": formula_of(species),
        "lattice": table[:VECTORS, :3].tolist(),
        "species": [symbol_of(number) for number in species],
        "frac": table[VECTORS:, :3].tolist(),
    }


def extended_xyz(table: AnyArray) -> str:
    """A table as extended XYZ: Cartesian coordinates in angstrom, the lattice in line two."""
    lattice = table[:VECTORS, :3].astype(np.float64)
    places = table[VECTORS:, :3].astype(np.float64) @ lattice
    vectors = " ".join(f"{number:.8f}" for number in lattice.flat)
    lines = [
        str(len(places)),
        f'Lattice="{vectors}" Properties=species:S:1:pos:R:3 pbc="T T T"',
        *(
            f"{symbol_of(number)} " + " ".join(f"{x:.8f}" for x in place)
            for number, place in zip(species_of(table).tolist(), places, strict=True)
        ),
    ]
    return "\n".join(lines) + "\n"


def cif(table: AnyArray) -> str:
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
    """The table of the first structure of a CIF, with all atoms of its cell.

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
    frac = np.array([[site.fract.x, site.fract.y, site.fract.z] for site in sites]) % 1.0
    numbers = np.array([site.element.atomic_number for site in sites], np.float64)
    matrix = np.array(crystal.cell.orth.mat.tolist()).T
    lattice = np.concatenate([matrix, np.zeros((VECTORS, 1))], 1)
    return np.concatenate([lattice, np.column_stack([frac, numbers])]).astype(np.float32)


def _lengths_and_angles(lattice: AnyArray) -> list[float]:
    lengths = np.sqrt(np.square(lattice).sum(1))
    cosines = [
        lattice[a] @ lattice[b] / (lengths[a] * lengths[b]) for a, b in ((1, 2), (0, 2), (0, 1))
    ]
    return [*lengths.tolist(), *np.degrees(np.arccos(np.clip(cosines, -1, 1))).tolist()]
