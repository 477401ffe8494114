"""The same crystal in another setting is the same."""

from __future__ import annotations

import pytest

from sureflow.evaluation.crystals.matching import Catalogue, displacement, first_of_kind, same
from tests.models.evaluation.crystals.made_up import moved, rock_salt, simple

pytest.importorskip("pymatgen")

SALT = rock_salt(5.6, 11, 17)
CESIUM_LIKE = simple(3.4, [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])
PEROVSKITE = simple(
    3.9, [38, 22, 8, 8, 8], [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
)


@pytest.mark.parametrize("seed", range(3))
def test_the_setting_does_not_matter(seed: int) -> None:
    assert same(SALT, moved(SALT, 0.0, seed))
    assert same(PEROVSKITE, moved(PEROVSKITE, 0.02, seed))
    assert not same(SALT, moved(CESIUM_LIKE, 0.0, seed))


def test_displacements_are_measured() -> None:
    assert displacement(PEROVSKITE, PEROVSKITE) == pytest.approx(0, abs=1e-6)
    assert displacement(PEROVSKITE, moved(PEROVSKITE, 0.05)) == pytest.approx(0.05, rel=0.1)
    assert displacement(SALT, CESIUM_LIKE) is None


def test_a_catalogue_knows_names_of_the_composition() -> None:
    catalogue = Catalogue([("B1", SALT), ("B2", CESIUM_LIKE)])
    assert catalogue.name_of(moved(SALT, 0.0)) == "B1"
    assert catalogue.name_of(moved(CESIUM_LIKE, 0.0)) == "B2"
    assert catalogue.name_of(PEROVSKITE) is None
    assert catalogue.name_of(rock_salt(5.6, 19, 17)) is None  # of another composition


def test_the_first_of_a_kind_counts() -> None:
    crystals = [SALT, moved(SALT, 0.0), CESIUM_LIKE, PEROVSKITE, moved(PEROVSKITE, 0.01)]
    assert first_of_kind(crystals) == [True, False, True, True, False]
