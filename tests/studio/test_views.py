"""What views say of samples, without a browser."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow.core.family import families
from sureflow_client import Completed, Sample, Structure
from sureflow_studio.embedding import logs, most_varied, principal
from sureflow_studio.fields import read_list
from sureflow_studio.heat import heat_map
from sureflow_studio.scatter import LEAST, SIZE, sizes
from sureflow_studio.sites import doubts, marked, structure_at, table
from sureflow_studio.summary import in_words
from sureflow_studio.tokens import DOUBTFUL, UNKNOWN, drawn_from, spoken, strip, sureness
from sureflow_studio.views import VIEWS
from sureflow_studio.views.view import View, words_of
from tests.studio.test_parts import sample

TEXT = np.array([*map(ord, "CC"), UNKNOWN, ord("O"), 0, 0])


def test_every_view_of_our_families_has_a_file() -> None:
    """The names that families give are those that the page knows."""
    from sureflow.core.card import ModelCard

    cards = [
        ModelCard("model", "sha256:0", media, (2,), (), 1, notation=notation)
        for media in ("image", "vector")
        for notation in ("", "smiles")
    ]
    named = {family.view(card) for family in families().values() for card in cards}
    assert named == {*VIEWS}
    assert View(None).options == {}


def test_data_are_written_in_words() -> None:
    plain = sample(0, 0.5)
    smiles = {"media_type": "chemical/x-daylight-smiles", "data": "CCO", "shape": (3,)}
    assert words_of(plain.model_copy(update=smiles)) == "CCO"
    assert words_of(plain) == "0, 0"
    named = plain.model_copy(update={"data": {"count": 3, "formula": "MgO"}})
    assert words_of(named, 4) == "MgO"
    assert words_of(named) == '{"count": 3, "formula": "MgO"}'


def test_tokens_are_told_apart_without_colours() -> None:
    sure = np.array([1.0, DOUBTFUL - 0.01, 0.2, 0.9, 1.0, 1.0], np.float32)
    found = strip(TEXT, sure, likely=np.array([*map(ord, "CCN"), 0, 0, 0]))
    spans = re.findall(r'<span class="([^"]*)"[^>]*>([^<]*)</span>', found)
    assert [text for _, text in spans] == ["C", "C", "N", "O"]
    assert ["token-unsure" in kinds for kinds, _ in spans] == [False, True, True, False]
    assert ["token-hole" in kinds for kinds, _ in spans] == [False, False, True, False]
    assert spoken(TEXT, sure) == "CC·O; 1 of 4 tokens not known yet; unsure: C at 2"
    assert "&lt;" in strip(np.array([ord("<")]))


def test_a_token_is_as_sure_as_what_it_was_drawn_from() -> None:
    """The entropy of k equal choices is log k, so that the token is sure by a kth."""
    states = np.array([[UNKNOWN, UNKNOWN], [UNKNOWN, 67], [79, 67]], np.float32)
    maps = np.log(np.array([[5.0, 4.0], [2.0, 1.0], [1.0, 1.0]], np.float32))
    np.testing.assert_allclose(sureness(drawn_from(states, maps)), [1 / 2, 1 / 4], rtol=1e-6)


@given(st.integers(1, 6), st.integers(0, 9))
def test_shares_of_sites_add_up_and_most_are_not_unsure(sites: int, seed: int) -> None:
    map = np.random.default_rng(seed).exponential(size=(2 + sites, 3)).astype(np.float32)
    shares = doubts(map)
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert len(marked(shares)) < max(sites, 1) or sites == 0
    assert not marked(doubts(0 * map))
    assert marked(None) == set()


def test_sites_are_in_a_table_with_words_for_the_unsure() -> None:
    state = np.zeros((5, 4), np.float32)
    state[:3, :3] = 4 * np.eye(3)
    state[3:, :3] = np.array([[0, 0, 0], [1.5, -0.5, 0.5]])
    crystal = structure_at(state, ("Cs", "Cl"))
    assert crystal.formula == "CsCl"
    found = table(crystal, np.array([0.2, 0.8], np.float32))
    assert found.count("unsure") == 2  # a class, and a word
    assert "<td>Cl</td><td>0.500</td><td>0.500</td><td>0.500</td><td>80% · unsure</td>" in found
    assert "Open" not in table(crystal, None)
    assert isinstance(crystal, Structure)


@given(st.integers(2, 9), st.integers(1, 6), st.integers(0, 99))
def test_principal_components_keep_what_a_plane_can(n: int, d: int, seed: int) -> None:
    """Their lengths are the largest singular values, and their shares those of the variance."""
    values = logs(np.random.default_rng(seed).poisson(3.0, (n, d)))
    places, shares = principal(values)
    lengths = np.linalg.svd(values - values.mean(0), compute_uv=False)
    np.testing.assert_allclose(
        np.linalg.norm(places, axis=0)[: len(lengths)], lengths[:2], atol=1e-9
    )
    assert shares.sum() <= 1 + 1e-9
    assert [*most_varied(values, 1)] == [int(values.var(0).argmax())]


def test_a_map_of_heat_has_every_count() -> None:
    counts = np.array([[0.0, 7.0], [1.0, 0.0]])
    chart = heat_map(counts, ["CD3", "CD4"], [sample(4, 0.5), sample(2, None)])
    (series,) = chart["series"]
    told = {(column, row): count for column, row, _, count in series["data"]}
    assert told == {(0, 0): 0, (1, 0): 1, (0, 1): 7, (1, 1): 0}
    assert chart["xAxis"]["data"] == ["#4", "#2"]
    assert chart["visualMap"]["max"] == pytest.approx(np.log(8))


def weighted(log: float | None) -> Sample:
    return sample(0, 0.5).model_copy(update={"numbers": {"log_weight": log}})


def test_the_area_of_a_point_is_its_weight() -> None:
    one, other, unknown = sizes([weighted(0.0), weighted(float(np.log(4))), weighted(None)])
    assert (other / one) ** 2 == pytest.approx(4, rel=0.05)
    assert unknown == LEAST
    assert sizes([sample(0, 0.5)]) == [SIZE]
    assert sizes([weighted(-1e4), weighted(-1e4)]) == [SIZE, SIZE]


def test_what_a_server_says_of_all_samples_is_shown_by_name() -> None:
    said: dict[str, Any] = {
        "id": "req",
        "model": "m",
        "model_version": "v",
        "seed": 1,
        "n": 4,
        "usage": {"evaluations": 1, "evaluations_saved": 0, "queue_s": 0, "compute_s": 0},
        "summary": {"ess": 3.25, "log_z": -1.5, "log_z_error": 0.125, "r_hat": None},
    }
    words = in_words(Completed.model_validate(said))
    assert words == "ess 3.25 · log_z -1.5 ± 0.12 · r_hat unknown"


def test_numbers_are_read_as_they_are_written() -> None:
    assert read_list("0, 2") == [0, 2]
    assert read_list("CD3 = 4, =0.5") == {"CD3": 4, "": 0.5}
    with pytest.raises(ValueError, match="'two' is no number"):
        read_list("1, two")
