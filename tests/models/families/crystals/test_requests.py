"""From requests for crystals to lanes, or to the field that cannot be served."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.core.codec import npy
from sureflow.core.condition import ConditionOptions
from sureflow.core.crystal import VECTORS, state_of
from sureflow.core.lane import Inverted
from sureflow.core.schema import InvalidFieldError
from sureflow.families.crystals import FAMILY
from sureflow.families.crystals.spec import CrystalSpec
from sureflow.families.flow.operation_bodies import ConditionOperation
from sureflow.model import Model
from sureflow.networks import build
from sureflow.sampling.sample import run
from tests.models.families.crystals.conftest import NETWORK

FILE = base64.b64encode(npy(np.array([12, 9, 9], np.float32))).decode()
"""What clients make of a list of atomic numbers."""


def lane(model: Model, composition: Any, **sampler: Any) -> CrystalSpec:
    condition = {} if composition is None else {"composition": composition}
    options = FAMILY.sampler(**sampler)
    return FAMILY.lane(model.card, 1, condition, FAMILY.guidance(), options)


@pytest.mark.parametrize(
    ("written", "units", "species"),
    [
        ("MgF2", None, [12, 9, 9]),
        ("MgF2", 2, [12, 12, 9, 9, 9, 9]),
        ("F Mg F", None, [9, 12, 9]),
        ([12, 9, 9], None, [12, 9, 9]),
        (FILE, None, [12, 9, 9]),
        ("NaCl", 1, [11, 17]),
    ],
)
def test_a_composition_determines_the_atoms(
    crystals: Model, written: Any, units: int | None, species: list[int]
) -> None:
    spec = lane(crystals, written, units=units)
    assert spec.species.tolist() == species
    assert spec.size == (None if len(species) == 2 else (len(species),))
    crystals.check(spec)


@pytest.mark.parametrize(
    ("written", "sampler", "field"),
    [
        ("MgF2", {"units": 3}, "condition.composition"),
        ("Mg3F", {"size": [2]}, "sampler.size"),
        ("Xx", {}, "condition.composition"),
        ([12.5, 9], {}, "condition.composition"),
        ([200, 9], {}, "condition.composition"),
        ([True, True], {}, "condition.composition"),
        (FILE, {"units": 2}, "sampler.units"),
        ("Mg F F", {"units": 2}, "sampler.units"),
        (None, {"units": 2}, "sampler.units"),
    ],
)
def test_what_cannot_be_served_is_named(
    crystals: Model, written: Any, sampler: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidFieldError) as found:
        lane(crystals, written, **sampler)
    assert found.value.field == field


def test_guidance_leads_away_from_another_composition(crystals: Model) -> None:
    guidance = FAMILY.guidance(scale=2.0, negative=ConditionOptions(composition="NaCl"))
    condition = {"composition": "MgO"}
    spec = FAMILY.lane(crystals.card, 1, condition, guidance, FAMILY.sampler())
    assert spec.negative["composition"].tolist() == [11, 17]
    crystals.check(spec)
    guidance = FAMILY.guidance(scale=2.0, negative=ConditionOptions(composition="MgF2"))
    with pytest.raises(InvalidFieldError, match=r"guidance\.negative\.composition"):
        FAMILY.lane(crystals.card, 1, condition, guidance, FAMILY.sampler())


def test_an_element_is_substituted(crystals: Model) -> None:
    parent = lane(crystals, "MgF2", units=2)
    body = ConditionOperation(type="condition", arrays={"composition": "CaF2"})
    spec, made = FAMILY.edit(crystals.card, parent, None, [body], lambda: np.zeros(0))
    assert spec.species.tolist() == [20, 20, 9, 9, 9, 9]
    assert not made
    body = ConditionOperation(type="condition", arrays={"composition": "CaF"})
    with pytest.raises(InvalidFieldError, match=r"operations\.0\.arrays\.composition"):
        FAMILY.edit(crystals.card, lane(crystals, "MgF2"), None, [body], lambda: np.zeros(0))


def test_a_given_table_brings_its_elements(crystals: Model) -> None:
    table = np.zeros((VECTORS + 3, 4), np.float32)
    table[:VECTORS, :3] = 4 * np.eye(3)
    table[VECTORS:] = [[0, 0, 0, 12], [0.25, 0.25, 0.25, 9], [0.75, 0.75, 0.75, 9]]
    file = base64.b64encode(npy(table)).decode()
    given = FAMILY.given_sample(crystals.card, file, "samples.0")
    np.testing.assert_array_equal(given, FAMILY.given_sample(crystals.card, table, "samples.0"))
    spec = replace(lane(crystals, None, steps=4), origin=Inverted(given))
    found = FAMILY.canonical(crystals.card, spec)
    assert found.species.tolist() == [12, 9, 9]
    assert found.size == (3,)
    assert isinstance(found.origin, Inverted)
    np.testing.assert_array_equal(found.origin.data, state_of(table))
    crystals.check(spec)


@pytest.mark.parametrize("change", ["flat", "atoms", "element"])
def test_a_table_of_no_crystal_is_refused(crystals: Model, change: str) -> None:
    table = np.zeros((VECTORS + 3, 4), np.float32)
    table[:VECTORS, :3] = 4 * np.eye(3)
    table[VECTORS:, 3] = 12
    if change == "flat":
        table[:VECTORS, :3] = 1
    if change == "element":
        table[-1, 3] = 0
    if change == "atoms":
        table = np.concatenate([table, table[-2:]])
    with pytest.raises(InvalidFieldError, match=r"samples\.0"):
        FAMILY.given_sample(crystals.card, table, "samples.0")


def test_an_energy_is_a_number(tmp_path: Path) -> None:
    """Of a model that has it as a condition; one of another is refused by name."""
    network = {**NETWORK, "above": True}
    torch.manual_seed(0)
    config = CheckpointConfig(name="told", network=network, family="crystals", media="vector")
    save(tmp_path / "told", config, build(network))
    model = load(tmp_path / "told")
    assert model.card.conditions["above"].null == -1
    condition = {"composition": "MgF2", "above": 0.05}
    lanes = [
        FAMILY.lane(model.card, 1, given, FAMILY.guidance(), FAMILY.sampler(steps=4))
        for given in (condition, {**condition, "above": 0}, {"composition": "MgF2"})
    ]
    assert lanes[0].condition["above"].tolist() == pytest.approx([0.05])
    for spec in lanes:
        model.check(spec)
    assert [FAMILY.strata(spec)[0][0] for spec in lanes[1:]] == ["*3 AB2 above", "*3 AB2"]
    guided = replace(lanes[0], guidance=2.0)
    made = run(model, [*lanes, guided], 4)
    assert len({sample.data.tobytes() for sample in made}) == 4
    for spec, sample in zip([*lanes, guided], made, strict=True):
        (alone,) = run(model, [spec], 1)
        assert alone.data.tobytes() == sample.data.tobytes()


def test_an_energy_is_refused_where_the_model_is_told_none(crystals: Model) -> None:
    with pytest.raises(InvalidFieldError, match=r"condition\.above"):
        FAMILY.lane(crystals.card, 1, {"above": 0.1}, FAMILY.guidance(), FAMILY.sampler())
