"""The judge of the laboratory asks the potential once, and its steps can be counted afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from benchmarks.crystals import judges
from sureflow.core.lane import Sample
from sureflow.evaluation.crystals.known import known
from sureflow.evaluation.crystals.potential import Potential
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.relaxation import Relaxed
from tests.models.evaluation.crystals.made_up import rock_salt

SALT = rock_salt(5.64, 11, 17)
ENERGY, STEPS = -3.0, 7


@pytest.fixture(autouse=True)
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A potential that counts what it is asked; larger cells than 6 angstrom have no end."""
    found: list[str] = []

    def relaxed(self: Potential, crystal: Crystal, steps: int = 100) -> Relaxed:
        found.append("relaxed")
        if np.linalg.norm(crystal.lattice[0]) > 6:
            raise ValueError("no end")
        return Relaxed(crystal, ENERGY, STEPS, True)

    def energy(self: Potential, crystal: Crystal) -> float:
        found.append("energy")
        return ENERGY

    monkeypatch.setattr(Potential, "relaxed", relaxed)
    monkeypatch.setattr(Potential, "energy", energy)
    monkeypatch.setenv(judges.FOLDER, str(tmp_path))
    judges._kept.cache_clear()
    return found


def sample(crystal: Crystal) -> Sample:
    table = np.zeros((3 + len(crystal.species), 4), np.float32)
    table[:3, :3], table[3:, :3], table[3:, 3] = crystal.lattice, crystal.frac, crystal.species
    return cast(Sample, SimpleNamespace(data=table))


def test_a_crystal_is_relaxed_once_and_its_steps_are_known(
    tmp_path: Path, asked: list[str]
) -> None:
    one = sample(SALT)
    expected = known().above(SALT, ENERGY)
    assert judges.relaxed_above_best([one]) == [pytest.approx(expected)]
    assert judges.relaxed_above_best([one, one]) == [pytest.approx(expected)] * 2
    assert asked == ["relaxed", "energy"]
    far = sample(rock_salt(12.0, 11, 17))
    with pytest.raises(ValueError, match="no end"):
        judges.relaxed_above_best([far])
    tables = [each.data for each in (one, one, far)]
    assert judges.steps_of(tables, tmp_path) == 2 * STEPS
    assert asked.count("relaxed") == 2
    lines = [json.loads(line) for line in (tmp_path / "chgnet.jsonl").read_text().splitlines()]
    assert len(lines) == 3
