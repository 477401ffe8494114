"""Samples of a vector: what is taken, what is refused, and that it is what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.server.pulled import WIDTH
from tests.server.running import Server

Y = [1.5, -3.0]


def data(server: Server, n: int = 8, **body: Any) -> np.ndarray[Any, Any]:
    given: dict[str, Any] = {"n": n, "seed": 5, "sampler": {"method": "rk4", "steps": 10}, **body}
    samples = server.generate(model="pulled", **given)["samples"]
    return np.array([sample["data"] for sample in samples])


def test_samples_are_those_of_the_vector(foreign: Server) -> None:
    n = 256
    found = data(foreign, n, condition={"y": Y})
    deviation = np.abs(found.mean(0) - Y).max()
    assert deviation < 5 * WIDTH / n**0.5


def test_what_is_left_out_is_null(foreign: Server) -> None:
    np.testing.assert_array_equal(data(foreign), data(foreign, condition={"y": [0.0, 0.0]}))


def test_guidance_is_away_from_null(foreign: Server) -> None:
    guided = data(foreign, condition={"y": Y}, guidance={"scale": 2.0})
    np.testing.assert_allclose(guided, data(foreign, condition={"y": [3.0, -6.0]}), atol=1e-4)


def test_a_sample_does_not_depend_on_the_conditions_beside_it(foreign: Server) -> None:
    """Nor on whether its vector is written as a list or as a file."""
    alone = data(foreign, 1, condition={"y": Y})
    np.testing.assert_array_equal(data(foreign, 3, condition={"y": Y})[:1], alone)


def test_the_card_says_what_it_takes(foreign: Server) -> None:
    cards = {card["name"]: card for card in foreign.client.get("/v1/models").json()["models"]}
    card = cards["pulled"]
    says = "where samples are, in data units"
    assert card["family"] == "flow"
    assert card["conditions"] == {"y": {"kind": "vector", "shape": [2], "null": 0.0, "says": says}}
    assert card["formats"] == ["list", "npy"]
    assert "dopri5" in card["samplers"]
    assert {"propagated", "adherence"} <= {*card["scores"]}
    assert card["operations"] == ["resample", "condition", "inpaint", "guide"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"condition": {"y": [1.0]}}, "condition.y"),
        ({"condition": {"y": [[1.0, 2.0]] * 2}}, "condition.y"),
        ({"condition": {"y": [1.0, "a"]}}, "condition.y"),
        ({"condition": {"y": [1.0, 1e39]}}, "condition.y"),
        ({"condition": {"y": 3}}, "condition.y"),
        ({"condition": {"y": None}}, "condition.y"),
        ({"condition": {"y": "AAAA"}}, "condition.y"),
        ({"condition": {"z": [1.0, 2.0]}}, "condition.z"),
        ({"condition": {"y": Y, "label": 0}}, "condition.label"),
        ({"condition": {}}, "condition.label"),
        ({"guidance": {"scale": 2.0}}, "guidance.scale"),
        ({"confidence": {"method": "adherence"}}, "confidence.method"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(foreign: Server, body: dict[str, Any], field: str) -> None:
    response = foreign.client.post("/v1/generate", json={"model": "pulled", **body})
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_an_edit_pulls_elsewhere(foreign: Server) -> None:
    """A condition from noise on is the condition of another sample of the same noise."""
    sampler = {"method": "rk4", "steps": 10}
    made = foreign.generate(model="pulled", seed=5, sampler=sampler, condition={"y": Y}, rewind={})[
        "samples"
    ][0]
    there = [2.0, 2.0]
    body: dict[str, Any] = {
        "handle": made["handle"]["id"],
        "at": {"step": 0},
        "operations": [{"type": "condition", "arrays": {"y": there}}],
    }
    response = foreign.client.post("/v1/edit", json=body)
    assert response.status_code == 200, response.text
    expected = data(foreign, 1, sampler=sampler, condition={"y": there})
    np.testing.assert_array_equal([response.json()["samples"][0]["data"]], expected)
    wrong = {**body, "operations": [{"type": "condition", "arrays": {"y": [1.0]}}]}
    refused = foreign.client.post("/v1/edit", json=wrong).json()
    assert refused["errors"][0]["field"] == "operations.0.arrays.y"


def test_scores_that_compare_with_none_take_any_condition(foreign: Server) -> None:
    answer = foreign.generate(
        model="pulled", condition={"y": Y}, confidence={"method": "adherence"}
    )
    assert answer["samples"][0]["method"] == "adherence"
