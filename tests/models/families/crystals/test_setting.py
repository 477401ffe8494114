"""Crystals are compared with those of as many atoms and the same stoichiometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sureflow.evaluation.reference import calibrate
from sureflow.families.crystals import FAMILY
from sureflow.families.crystals.spec import CrystalSpec
from sureflow.model import Model
from sureflow.sampling.sample import run


def spec(*species: int, **fields: object) -> CrystalSpec:
    return CrystalSpec(5, 0, condition={"composition": np.array(species, np.float32)}, **fields)


def test_elements_and_atoms_are_no_part_of_the_setting() -> None:
    assert FAMILY.setting(spec(11, 17)) == FAMILY.setting(spec(12, 9, 9))
    assert FAMILY.setting(spec(11, 17)).comparable
    assert FAMILY.setting(spec(11, 17)) != FAMILY.setting(spec(11, 17, guidance=2.0))
    assert FAMILY.strata(spec(11, 17)) != FAMILY.strata(spec(12, 9, 9))
    assert FAMILY.strata(CrystalSpec(0, 0)) == [("", 1.0)]


def test_draws_are_of_all_strata_of_the_examples(crystals: Model) -> None:
    lanes = FAMILY.draws(crystals.card, FAMILY.parse_setting("euler:4"))
    strata = [FAMILY.strata(lane)[0][0] for lane in lanes]
    assert sorted(strata) == ["*2 AB", "*3 AB2", "*4 AB", "*6 AB", "*6 AB2"]
    first = lanes[strata.index("*4 AB")]
    drawn = [FAMILY.drawn(crystals.card, replace(first, index=i)) for i in range(4)]
    assert [one.species.tolist()[::2] for one in drawn] == [[11, 17], [20, 8]] * 2
    for lane in lanes:
        crystals.check(lane)


@pytest.mark.parametrize("species", [(19, 35), (38, 17, 17)])
def test_confidence_is_a_share_of_the_draws_of_the_stratum(
    crystals: Model, species: tuple[int, ...]
) -> None:
    made = calibrate(crystals, draws=8, method="euler", steps=4, quiet=True)
    model = crystals.recalibrated(made)
    lane = spec(*species, method="euler", steps=4, scores=("renoised_nll",))
    (sample,) = run(model, [lane], 2)
    assert sample.confidence is not None
    stratum = FAMILY.strata(lane)[0][0]
    table = made.quantiles["renoised_nll"][0, made.strata.index(stratum)]
    below = np.mean(table <= sample.uncertainty)
    assert sample.confidence == pytest.approx(1 - below, abs=0.15)
    other = spec(20, 22, 8, 8, method="euler", steps=4, scores=("renoised_nll",))
    (unknown,) = run(model, [other], 2)
    assert unknown.confidence is None
