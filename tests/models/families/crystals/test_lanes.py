"""Crystals in flight: on the torus, alone or in company, and from a frame on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sureflow.core.crystal import CELL, SCALE, VECTORS, state_of, table_of
from sureflow.core.draw import Purpose
from sureflow.core.lane import LATENT, Branch, Inverted, Sample
from sureflow.families.crystals import FAMILY
from sureflow.families.crystals.engine import CrystalEngine
from sureflow.families.crystals.lanes import CrystalLanes
from sureflow.families.crystals.spec import CrystalSpec
from sureflow.families.flow.operations import Inpaint, Resample
from sureflow.model import Model
from sureflow.networks.crystal_state import start
from sureflow.sampling.sample import run

SPECIES = ((11, 17), (12, 9, 9), (20, 22, 8, 8), (25, 25, 8, 8, 8, 8))
SCORES = ("renoised_nll", "trajectory", "propagated_frac")


def spec(index: int, **fields: object) -> CrystalSpec:
    species = np.array(SPECIES[index % len(SPECIES)], np.float32)
    options = {"condition": {"composition": species}, "scores": SCORES, "steps": 5, **fields}
    return CrystalSpec(3, index, **options)


def lanes_of(model: Model, atoms: int) -> CrystalLanes:
    engine = model.engine.at(str(atoms))
    assert isinstance(engine, CrystalEngine)
    return engine.lanes(2)


def same(one: Sample, other: Sample) -> bool:
    equal = (np.array_equal(getattr(one, n), getattr(other, n)) for n in ("data", "map", "rate"))
    return all(equal) and one.scores == other.scores


def test_bits_do_not_depend_on_company_of_other_numbers_of_atoms(crystals: Model) -> None:
    """Lanes of four sizes, guided or not, adaptive or not, beside each other and alone."""
    specs = [
        spec(i, guidance=1.5 if i % 3 == 0 else 1.0, tolerance=0.05 if i % 4 == 2 else None)
        for i in range(14)
    ]
    crowd = run(crystals, specs, 9)
    for one, sample in zip(specs, crowd, strict=True):
        (alone,) = run(crystals, [one], 1)
        assert same(alone, sample)
        assert sample.data.shape == (VECTORS + len(one.species), 4)


def test_a_branch_without_operations_has_the_bytes_of_its_parent(crystals: Model) -> None:
    (whole,) = run(crystals, [spec(1, keep=(0.4,))], 1)
    (frame,) = whole.frames
    for known in (frame, None):
        branch = replace(spec(1), origin=Branch(spec(1), frame.step, (), known))
        (again,) = run(crystals, [branch], 1)
        assert np.array_equal(again.data, whole.data)
        assert again.scores == whole.scores


def test_a_sample_is_the_table_of_its_last_state(crystals: Model) -> None:
    (sample,) = run(crystals, [spec(2)], 1)
    assert np.array_equal(sample.data, table_of(sample.fields[LATENT], np.array(SPECIES[2])))
    assert (sample.data[VECTORS:, 3] == SPECIES[2]).all()
    way = (sample.state - sample.start)[CELL:]
    np.testing.assert_allclose(way.mean(0), 0, atol=1e-5)


def test_noise_is_uniform_on_the_torus_and_stays_so_if_a_part_is_drawn_anew(
    crystals: Model,
) -> None:
    lanes = lanes_of(crystals, 3)
    drawn = [lanes.draw(0, i, Purpose.START) for i in range(3000)]
    fresh = [lanes.draw(1, i, Purpose.RESAMPLE) for i in range(3000)]
    for strength in (0.0, 0.5, 1.0):
        renewed = torch.stack([lanes.renewed(*z, strength) for z in zip(drawn, fresh, strict=True)])
        turns = (renewed[:, CELL:] / SCALE) % 1
        share = torch.histc(turns, 10, 0, 1) / turns.numel()
        assert (share - 0.1).abs().max() < 0.01
        assert abs(float(renewed[:, :CELL].var()) - 1) < 0.05


def test_held_atoms_come_to_their_places(crystals: Model) -> None:
    """Distances between held atoms, and the cell, are those of the sample that is held."""
    (sample,) = run(crystals, [spec(3, keep=(0.2,))], 1)
    rng = np.random.default_rng(0)
    known = (sample.state + rng.standard_normal(sample.state.shape)).astype(np.float32)
    mask = np.zeros(known.shape, np.bool_)
    mask[:CELL], mask[CELL + 1 : CELL + 4] = True, True
    (frame,) = sample.frames
    edit = replace(spec(3), origin=Branch(spec(3), frame.step, (Inpaint(mask, known),), frame))
    crystals.check(edit)
    (found,) = run(crystals, [edit], 1)
    np.testing.assert_allclose(found.state[:CELL], known[:CELL], atol=1e-5)
    moved = (found.state - known)[CELL + 1 : CELL + 4] / SCALE
    moved -= moved[0]
    np.testing.assert_allclose(moved, moved.round(), atol=1e-5)
    assert not np.allclose(found.data, sample.data)


def test_an_atom_that_is_drawn_anew_leaves_the_cell_as_it_is(crystals: Model) -> None:
    (sample,) = run(crystals, [spec(1, keep=(0.0,))], 1)
    mask = np.zeros(sample.state.shape, np.bool_)
    mask[CELL + 1] = True
    (frame,) = sample.frames
    edit = replace(spec(1), origin=Branch(spec(1), 0, (Resample(1.0, mask),), frame))
    (found,) = run(crystals, [edit], 1)
    assert np.array_equal(found.start[:CELL], sample.start[:CELL])
    assert not np.allclose(found.start[CELL + 1], sample.start[CELL + 1])


def test_a_crystal_comes_back_from_its_inversion(crystals: Model) -> None:
    """Wherever its atoms were on the torus: the error is by the shortest way."""
    (sample,) = run(crystals, [spec(2, steps=20)], 1)
    rng = np.random.default_rng(1)
    table = sample.data.copy()
    table[VECTORS:, :3] = (table[VECTORS:, :3] + rng.random(3)) % 1
    given = CrystalSpec(
        0, 0, origin=Inverted(table), method="dopri5", tolerance=1e-5, scores=("renoised_nll",)
    )
    crystals.check(given)
    (found,) = run(crystals, [given], 1)
    assert found.inversion_error is not None
    assert found.inversion_error < 0.01
    assert np.isfinite(found.scores["renoised_nll"])
    np.testing.assert_allclose(found.data[:VECTORS], table[:VECTORS], atol=1e-2)
    assert (found.data[:, 3] == table[:, 3]).all()


@pytest.mark.parametrize("index", [1, 3])
def test_the_renoised_score_is_its_formula(crystals: Model, index: int) -> None:
    """By hand: the same noise, the shortest path, and the mean over both parts."""
    scores = ("renoised_nll", "renoised_nll_cell", "renoised_nll_frac")
    (sample,) = run(crystals, [spec(index, scores=scores)], 1)
    n = len(SPECIES[index])
    lanes = lanes_of(crystals, n)
    network, end = crystals.network, torch.from_numpy(sample.state)
    species = torch.tensor([SPECIES[index]], dtype=torch.float32)
    cells, fracs = [], []
    for draw, t in enumerate(network.renoised):
        noise = lanes.draw(3, index, Purpose.RENOISE, draw)
        begin = start(noise[None], end[None], species)[0]
        x = (1 - t) * begin + t * end
        with torch.inference_mode():
            out = network.moments(x[None], torch.tensor([t]), composition=species)
        r = end - begin - out.mean[0]
        nll = (r.square() / out.variance[0] + out.variance[0].log()) / 2
        cells.append(float(nll[:CELL].mean()))
        fracs.append(float(nll[CELL:].mean()))
    assert sample.scores["renoised_nll_cell"] == pytest.approx(np.mean(cells), rel=1e-4)
    assert sample.scores["renoised_nll_frac"] == pytest.approx(np.mean(fracs), rel=1e-4)
    both = (np.mean(cells) + np.mean(fracs)) / 2
    assert sample.scores["renoised_nll"] == pytest.approx(both, rel=1e-4)


def test_parts_of_the_variance_have_their_units(crystals: Model) -> None:
    (sample,) = run(crystals, [spec(1, scores=("propagated_cell", "propagated_frac"))], 1)
    frac = sample.map[CELL:].sum() / 3 / 12
    assert sample.scores["propagated_frac"] == pytest.approx(frac, rel=1e-5)
    unit = state_of(sample.data)[:CELL]
    assert unit.shape == (CELL, 3)
    assert 0 < sample.scores["propagated_cell"] < sample.map[:CELL].sum()


def test_views_are_tables(crystals: Model) -> None:
    (sample,) = run(crystals, [spec(1, watch=(0, 3))], 1)
    for view in sample.views:
        for table in (view.state, view.prediction):
            assert table.shape == sample.data.shape
            assert (table[VECTORS:, 3] == SPECIES[1]).all()


def test_its_scores_are_those_of_the_catalogue(crystals: Model) -> None:
    names = [n for n in FAMILY.scores if FAMILY.obstacle(n, crystals.card, spec(0)) is None]
    (sample,) = run(crystals, [spec(0, scores=tuple(names))], 1)
    assert np.isfinite([*sample.scores.values()]).all()
    assert {"likelihood", "divergence", "adherence"}.isdisjoint(FAMILY.scores)
    crystals.check(spec(0, scores=("renoised_nll",)))
    with pytest.raises(ValueError, match="scores"):
        crystals.check(spec(0, scores=("likelihood",)))
