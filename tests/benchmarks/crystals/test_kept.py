"""Answers of a potential that are kept: asked once, also after an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.crystals.kept import Kept
from sureflow.training.crystals.crystal import Crystal

pytest.importorskip("ase")


def lennard_jones() -> Any:
    """A potential of pairs of atoms."""
    from ase.calculators.lj import LennardJones

    return LennardJones(sigma=2.0, epsilon=0.1, rc=6.0, smooth=True)


def crystal(apart: float) -> Crystal:
    return Crystal(np.eye(3) * 4, np.array([[0, 0, 0], [apart, 0.5, 0.5]]), np.array([18, 18]))


def test_an_answer_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def calculator() -> Any:
        calls.append("loaded")
        return lennard_jones()

    monkeypatch.setattr("sureflow.evaluation.crystals.potential.CALCULATORS", {"pairs": calculator})
    first = Kept("pairs", tmp_path)
    energy, end = first.energy(crystal(0.4)), first.relaxed(crystal(0.4))
    assert calls == ["loaded"]
    with (tmp_path / "pairs.jsonl").open("a") as file:
        file.write('["energy of')  # a line that was interrupted
    again = Kept("pairs", tmp_path)
    assert again.energy(crystal(0.4)) == energy
    found = again.relaxed(crystal(0.4))
    np.testing.assert_array_equal(found.crystal.lattice, end.crystal.lattice)
    np.testing.assert_array_equal(found.crystal.frac, end.crystal.frac)
    assert (found.energy, found.steps, found.converged) == (end.energy, end.steps, end.converged)
    assert calls == ["loaded"]
    again.energy(crystal(0.3))
    assert calls == ["loaded"] * 2


def test_what_failed_fails_again_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sureflow.evaluation.crystals.potential.CALCULATORS", {"pairs": lennard_jones}
    )
    frac = np.array([[0, 0, 0], [0.1, 0, 0]])
    together = Crystal(np.eye(3) * 4, frac, np.array([18, 18]))
    for _ in range(2):
        with pytest.raises(ValueError, match="overlap"):
            Kept("pairs", tmp_path).energy(together)
