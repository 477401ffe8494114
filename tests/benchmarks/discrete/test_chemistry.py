"""What RDKit says of molecules that everybody knows."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rdkit", reason="needs the extra molecules")

from benchmarks.discrete.chemistry import PROPERTIES, distances, diversity, judge


def test_molecules_are_told_from_what_is_none() -> None:
    judged = judge(["OCC", "C1CC", "CCO", "", "c1ccccc1"])
    assert judged.valid.tolist() == [True, False, True, False, True]
    assert judged.canonical == ("CCO", "", "CCO", "", "c1ccccc1")
    weight = judged.properties[:, PROPERTIES.index("weight")]
    assert weight[0] == pytest.approx(46.07, abs=0.01)
    assert np.isnan(judged.properties[1]).all()
    assert judged.where(judged.valid).texts == ("OCC", "CCO", "c1ccccc1")


def test_one_molecule_alone_is_not_diverse() -> None:
    assert diversity(["CCO", "CCO"]) == pytest.approx(0)
    assert diversity(["CCO", "c1ccccc1"]) == pytest.approx(1)


def test_distances_are_in_deviations() -> None:
    """Of a shift by one deviation."""
    reference = np.random.default_rng(0).normal(size=(500, len(PROPERTIES)))
    moved = distances(reference + reference.std(0), reference)
    assert moved == pytest.approx(dict.fromkeys(PROPERTIES, 1.0))
    assert distances(reference, reference) == pytest.approx(dict.fromkeys(PROPERTIES, 0.0))
