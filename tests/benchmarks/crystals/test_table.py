"""The table of made-up crystals, of which all is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.crystals.judged import Judged
from benchmarks.crystals.table import AUROC, ENERGY, LIFT, Table

COMPOSITIONS, EACH = 30, 20
COUNT = COMPOSITIONS * EACH


def made_up(sure: float, seed: int = 0) -> Judged:
    """Raw energies uniform from 0 to 0.4 eV/atom, so that a quarter is good.

    Args:
        sure: 1 for a score that is the energy, 0 for one that knows nothing.
        seed: Of everything.
    """
    generator = np.random.default_rng(seed)
    raw = 0.4 * generator.random(COUNT)
    composition = np.repeat(np.arange(COMPOSITIONS), EACH)
    atoms = np.where(composition % 3 == 0, 2, np.where(composition % 3 == 1, 3, 5))
    relaxed = raw / 4  # good up to 0.05: half of them
    score = sure * raw + (1 - sure) * generator.random(COUNT)
    return Judged(
        composition=composition,
        atoms=atoms,
        seed=np.arange(COUNT) % 3,
        scores={"own": score, "nothing": generator.random(COUNT)},
        raw={"chgnet": raw, "7net": raw + 0.01},
        relaxed={"chgnet": relaxed, "7net": relaxed + 0.01},
        above_hull=np.full(COUNT, np.nan),
        steps=np.full(COUNT, 10),
        apart=np.arange(COUNT) % 10 > 0,
        overlap=np.arange(COUNT) % 5 == 0,
        balanced=np.where(np.arange(COUNT) % 2 == 0, 1.0, np.nan),
        known_raw=raw < 0.2,
        known_relaxed=np.arange(COUNT) % 4 > 0,
        unique=np.ones(COUNT, bool),
        displaced=raw,
    )


def rows(table: Table, part: str) -> dict[str, float]:
    return {name: found.value for name, found in getattr(table, part)()}


BAR = {"quarter over all": LIFT, "AUROC": AUROC}


def bar(judged: Judged) -> dict[str, float]:
    return {name: found.value for name, found in Table(judged, "own", draws=5).bar()}


PERFECT = Table(made_up(1.0), "own", draws=20)


def test_columns_come_back_from_a_file(tmp_path: Path) -> None:
    made = made_up(0.5)
    made.save(tmp_path / "judged.npz")
    read = Judged.load(tmp_path / "judged.npz")
    assert vars(read).keys() == vars(made).keys()
    for name, column in vars(made).items():
        columns = column if isinstance(column, dict) else {"": column}
        others = getattr(read, name) if isinstance(column, dict) else {"": getattr(read, name)}
        assert columns.keys() == others.keys()
        for part, values in columns.items():
            np.testing.assert_array_equal(values, others[part])


def test_validity_is_counted() -> None:
    found = rows(PERFECT, "validity")
    assert found["atoms apart"] == pytest.approx(0.9)
    assert found["no atoms overlap"] == pytest.approx(0.8)
    assert found["charges add up"] == 1
    assert found["novel"] == pytest.approx(0.25)
    assert found["unique"] == 1
    assert found["stable, unique, novel"] == pytest.approx(0.125, abs=0.05)


def test_a_perfect_score_reaches_every_cap() -> None:
    found = rows(PERFECT, "scores")
    base = float((PERFECT.judged.raw["chgnet"] <= 0.1).mean())
    assert found["AUROC, raw <= 0.1, own"] == 1
    assert found["quarter over all, raw <= 0.1, own"] == pytest.approx(min(4, 1 / base), rel=0.1)
    assert found["half over all, raw <= 0.1, own"] == pytest.approx(2, rel=0.02)
    assert found["half over all, relaxed <= 0.05, own"] == pytest.approx(2, rel=0.1)
    assert found[f"AUROC, raw <= 0.1, {ENERGY}"] == 1
    assert found["AUROC, raw <= 0.1, nothing"] == pytest.approx(0.5, abs=0.1)
    assert found["AUROC, raw <= 0.1, atom number"] == 0.5  # within an atom number it says nothing


def test_energies_of_the_surest_are_quantiles() -> None:
    found = rows(PERFECT, "energies")
    for part, of in (("all", 1.0), ("half", 0.5), ("quarter", 0.25)):
        assert found[f"median eV/atom by chgnet, raw, {part}"] == pytest.approx(0.2 * of, abs=0.02)
        higher = found[f"median eV/atom by 7net, relaxed, {part}"]
        assert higher == pytest.approx(0.05 * of + 0.01, abs=0.01)
    assert np.isnan(found["median eV/atom above our hull"])


def test_filtering_halves_the_steps_and_keeps_what_it_can() -> None:
    found = rows(PERFECT, "filtered")
    base = float((PERFECT.judged.relaxed["chgnet"] <= 0.05).mean())
    assert found["steps for a stable one, all"] == pytest.approx(10 / base)
    assert found["steps for a stable one, quarter"] == 10
    assert found["relaxed <= 0.05, half"] == pytest.approx(min(2 * base, 1), abs=0.05)
    assert found["relaxed <= 0.05, other half"] == pytest.approx(max(2 * base - 1, 0), abs=0.05)
    assert found["raw <= 0.1, quarter"] == pytest.approx(1, abs=0.15)
    assert found["compositions with a stable one, all"] == 1
    assert found["compositions with a stable one, quarter"] > 0.9


def test_what_was_not_relaxed_counts_as_drawn_alone() -> None:
    made = made_up(1.0)
    few = made.seed == 0
    relaxed = {name: np.where(few, values, np.nan) for name, values in made.relaxed.items()}
    some, whole = Table(replace(made, relaxed=relaxed), "own", draws=5), Table(made, "own", draws=5)
    alone = Table(made.where(few), "own", draws=5)
    for part in ("validity", "energies", "scores", "filtered"):
        found, all_of_them, of_few = (rows(table, part) for table in (some, whole, alone))
        for name, value in found.items():
            end = "relaxed" in name or "stable" in name or name in ("unique", "novel")
            expected = of_few[name] if end or "hull" in name else all_of_them[name]
            assert value == pytest.approx(expected, nan_ok=True), name


@pytest.mark.parametrize(("sure", "reached"), [(1.0, True), (0.0, False)])
def test_the_bar_is_reached_by_a_score_that_knows(sure: float, reached: bool) -> None:
    assert {
        name: value >= BAR[name] for name, value in bar(made_up(sure)).items()
    } == dict.fromkeys(BAR, reached)


def test_the_bar_is_about_three_atoms_and_more() -> None:
    knows, nothing = made_up(1.0), made_up(0.0)
    few = knows.atoms == 2
    for first, second, reached in ((nothing, knows, True), (knows, nothing, False)):
        mixed = np.where(few, first.scores["own"], second.scores["own"])
        found = bar(replace(knows, scores={"own": mixed}))
        assert {value >= BAR[name] for name, value in found.items()} == {reached}


def test_an_interval_holds_its_figure() -> None:
    for name, found in Table(made_up(0.5), "own", draws=200).scores():
        assert found.low <= found.value <= found.high, name
