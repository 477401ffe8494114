"""Formats of sequences and of molecules."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest

from sureflow.core.codec import AnyArray
from sureflow.families.tokens import FAMILY, molecule
from sureflow.families.tokens.codec import text_of
from sureflow.model import Model

CODEC = FAMILY.codec
drawn = pytest.mark.skipif(not molecule.available(), reason="needs the extra molecules")


def codes(text: str) -> AnyArray:
    return np.array([*map(ord, text), 0, 0], np.float32)


def test_a_text_ends_at_the_first_zero() -> None:
    assert text_of(codes("CC(=O)O")) == "CC(=O)O"
    assert text_of(np.array([67, 0, 79], np.float32)) == "C"
    assert CODEC.encode(codes("CCO"), "smiles") == "CCO"
    assert CODEC.file(codes("CCO"), "text") == b"CCO\n"
    assert CODEC.encode(np.full(3, np.nan, np.float32), "smiles") is None
    assert CODEC.encode(codes("C"), "list") == [67, 0, 0]


def test_molecules_have_files_only_where_something_draws_them(
    letters: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = replace(letters.card, notation="smiles")
    assert CODEC.formats(letters.card) == ("text", "list", "npy")
    monkeypatch.setattr(molecule, "available", lambda: False)
    assert CODEC.formats(card) == ("smiles", "text", "list", "npy")
    monkeypatch.setattr(molecule, "available", lambda: True)
    assert CODEC.formats(card) == ("smiles", "text", "sdf", "svg", "png", "list", "npy")


@drawn
def test_an_sd_file_has_coordinates_in_the_plane() -> None:
    from rdkit import Chem

    supplier = Chem.SDMolSupplier()
    supplier.SetData(CODEC.file(codes("CC(=O)O"), "sdf").decode())
    (found,) = supplier
    assert Chem.MolToSmiles(found) == "CC(=O)O"
    assert found.GetProp("SMILES") == "CC(=O)O"
    assert found.GetProp("valid") == "true"
    places = found.GetConformer().GetPositions()
    assert np.ptp(places[:, :2]) > 1
    assert not places[:, 2].any()


@drawn
def test_what_is_no_molecule_is_given_all_the_same() -> None:
    assert b">  <valid>\nfalse" in CODEC.file(codes("C1CC("), "sdf")
    picture = base64.b64decode(CODEC.encode(codes("C1CC("), "svg"))
    assert picture.startswith(b"<?xml")
    assert CODEC.file(codes(""), "png").startswith(b"\x89PNG")
    assert CODEC.file(codes("CCO"), "png") != CODEC.file(codes("C1CC("), "png")
