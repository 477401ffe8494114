"""Crystals that we know are judged as what they are."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.crystals.drawn import Drawn, load, save
from sureflow.evaluation.crystals.known import shipped
from sureflow.training.crystals.crystal import Crystal


def some(count: int, by: float = 0.0) -> list[Drawn]:
    """The best polymorphs of some compositions, with atoms moved by so many angstrom."""
    crystals, generator = shipped(), np.random.default_rng(0)
    best = np.flatnonzero((crystals.above == 0) & (crystals.atoms == 3))[:count]
    named = list(crystals.crystals())
    found = []
    for at in best:
        one = named[at]
        noise = by * generator.normal(size=one.frac.shape) @ np.linalg.inv(one.lattice)
        moved = Crystal(one.lattice, one.frac + noise, one.species)
        formula = crystals.compositions[crystals.composition[at]]
        found.append(Drawn(moved, formula, {"own": by, "other": float(at)}, seed=3))
    return found


def test_a_file_of_crystals_comes_back(tmp_path: Path) -> None:
    drawn = some(5)
    save(drawn, tmp_path / "drawn.safetensors")
    for one, other in zip(drawn, load(tmp_path / "drawn.safetensors"), strict=True):
        for name in ("lattice", "frac", "species"):
            np.testing.assert_array_equal(getattr(one.crystal, name), getattr(other.crystal, name))
        assert (one.composition, one.scores, one.seed) == (
            other.composition,
            other.scores,
            other.seed,
        )


@pytest.mark.filterwarnings("ignore")
def test_what_is_known_is_known_and_what_is_shaken_is_relaxed() -> None:
    pytest.importorskip("chgnet")
    from benchmarks.crystals.judged import judge
    from sureflow.evaluation.crystals.potential import potential

    drawn = [*some(2), *some(2, by=0.15)]
    found = judge(drawn, shipped(), potential("chgnet"))
    assert found.known_raw[:2].all()
    np.testing.assert_allclose(found.raw["chgnet"][:2], 0, atol=1e-3)
    assert (found.raw["chgnet"][2:] > 0.005).all()
    assert (found.relaxed["chgnet"][2:] < found.raw["chgnet"][2:]).all()
    assert (found.steps[2:] > 0).all()
    assert found.apart.all()
    assert (found.atoms == 3).all()
    assert len(set(found.stratum)) == 1
    assert found.composition.tolist() == [0, 1, 0, 1]
    assert found.unique[:2].all()
    assert (found.displaced[:2] < 0.05).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_command_prints_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("chgnet")
    from benchmarks.crystals.__main__ import main

    file, written = tmp_path / "drawn.safetensors", tmp_path / "figures.json"
    save([*some(4), *some(4, by=0.2)], file)
    kept = tmp_path / "judged.npz"
    options = [str(file), "--score", "own", "--quick", "--json", str(written)]
    options += ["--judged", str(kept)]
    monkeypatch.setattr(sys, "argv", ["crystals", *options])
    main()
    said = capsys.readouterr().out
    assert "all: AUROC, raw <= 0.1, own" in said
    assert "n >= 3: steps for a stable one, quarter" in said
    assert written.exists()
    file.unlink()
    main()  # what is judged is judged
    assert capsys.readouterr().out == said
