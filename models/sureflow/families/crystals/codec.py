"""The codec of crystals: JSON with names, CIF, extended XYZ, and tables. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.codec import AnyArray, Codec
from sureflow.core.crystal import VECTORS, species_of
from sureflow.families.crystals.cif import can_cif, text_of
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
            return text_of(data).encode()
        return extended_xyz(data).encode() if format == XYZ else super().file(data, format)

    def encode(self, data: AnyArray, format: str) -> Any:
        """Encode a sample for JSON; ``None`` in all formats but ``npy`` if it is not finite."""
        named = format == STRUCTURE and np.isfinite(data).all()
        return structure(data) if named else super().encode(data, format)


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
