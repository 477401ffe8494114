"""CIF: written, read, and with symmetry."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.core.crystal import VECTORS
from sureflow.families.crystals.cif import table_of_cif, text_of
from sureflow.training.crystals.prototypes import AB, AB2, shortest
from tests.models.families.crystals.test_codec import TABLE

gemmi = pytest.importorskip("gemmi")

SITES = """loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
"""


def cif(group: str, cell: tuple[float, ...], *sites: str) -> str:
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    lines = [f"_cell_{name} {value}" for name, value in zip(names, cell, strict=True)]
    lines += [f"_symmetry_space_group_name_H-M '{group}'"]
    numbered = [f"X{number} {site}" for number, site in enumerate(sites)]
    return "\n".join(["data_x", *lines, SITES + "\n".join(numbered)]) + "\n"


def test_a_cif_comes_back() -> None:
    found = table_of_cif(text_of(TABLE))
    np.testing.assert_allclose(found[VECTORS:], TABLE[VECTORS:], atol=1e-4)
    vectors = found[:VECTORS, :3]
    ours = TABLE[:VECTORS, :3]
    np.testing.assert_allclose(vectors @ vectors.T, ours @ ours.T, atol=1e-2)


def test_rock_salt_and_cadmium_chloride_have_the_cells_of_our_prototypes() -> None:
    """Those that the model was trained with: their vectors, but for a rotation, and their sites."""
    salt = cif("F m -3 m", (5.64, 5.64, 5.64, 90, 90, 90), "Na 0 0 0", "Cl 0.5 0.5 0.5")
    layers = cif("R -3 m:H", (3.8, 3.8, 17.5, 90, 90, 120), "Cd 0 0 0", "Cl 0 0 0.252")
    shapes = {prototype.name: prototype for prototype in (*AB, *AB2)}
    for text, name, length in ((salt, "B1", 5.64), (layers, "C19", 3.8)):
        table, prototype = table_of_cif(text).astype(np.float64), shapes[name]
        assert len(table) - VECTORS == len(prototype.frac)
        vectors = table[:VECTORS, :3]
        ours = length * prototype.shape
        np.testing.assert_allclose(
            (vectors @ vectors.T)[0, 1] / (vectors @ vectors.T)[0, 0],
            (ours @ ours.T)[0, 1] / (ours @ ours.T)[0, 0],
            atol=0.05,
        )
        apart = (table[VECTORS:, :3] - table[VECTORS, :3]) - (prototype.frac - prototype.frac[0])
        np.testing.assert_allclose(apart - apart.round(), 0, atol=0.02)


@pytest.mark.parametrize(
    ("group", "cell", "parts"),
    [
        ("P 4/m m m", (4, 4, 5, 90, 90, 90), 1),
        ("F m -3 m", (12, 12, 12, 90, 90, 90), 4),
        ("I 4/m m m", (4, 4, 9, 90, 90, 90), 2),
        ("C 1 2/m 1", (9, 4, 5, 90, 105, 90), 2),
        ("A m a 2", (4, 7, 8, 90, 90, 90), 2),
        ("R -3 m:H", (4, 4, 14, 90, 90, 120), 3),
        ("R -3 m:R", (5, 5, 5, 50, 50, 50), 1),
    ],
)
def test_a_centred_cell_becomes_a_primitive_one_of_the_same_crystal(
    group: str, cell: tuple[float, ...], parts: int
) -> None:
    """As many atoms per volume, each as far from its nearest neighbour as in the whole cell."""
    text = cif(group, cell, "Ti 0 0 0", "O 0.23 0.08 0.36")
    block = gemmi.make_small_structure_from_block(gemmi.cif.read_string(text).sole_block())
    sites = block.get_all_unit_cell_sites()
    whole = np.array([[s.fract.x, s.fract.y, s.fract.z] for s in sites])
    table = table_of_cif(text).astype(np.float64)
    assert len(table) - VECTORS == len(whole) / parts
    assert abs(np.linalg.det(table[:VECTORS, :3])) == pytest.approx(block.cell.volume / parts, 1e-5)
    around = shortest(np.array(block.cell.orth.mat.tolist()).T, whole).min(1)
    found = shortest(table[:VECTORS, :3], table[VECTORS:, :3]).min(1)
    np.testing.assert_allclose(np.sort(np.repeat(found, parts)), np.sort(around), atol=1e-3)


def test_without_a_space_group_the_cell_stays() -> None:
    corners = ("Na 0 0 0", "Na 0.5 0.5 0", "Na 0.5 0 0.5", "Na 0 0.5 0.5")
    text = cif("P 1", (5.3, 5.3, 5.3, 90, 90, 90), *corners)
    for written in (text, text.replace("_symmetry_space_group_name_H-M 'P 1'\n", "")):
        assert len(table_of_cif(written)) == VECTORS + 4


@pytest.mark.parametrize("text", ["", "data_x\n_cell_length_a 3\n", "no cif"])
def test_what_is_no_crystal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"CIF|sites"):
        table_of_cif(text)
