"""Samples of a vector: what is taken, what is refused, and that it is what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sureflow.networks.registry import declare_plugin
from tests.server.conftest import make_checkpoint
from tests.server.pulled import WIDTH, install
from tests.server.running import Server, serving

Y = [1.5, -3.0]


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("pulled")
    declare_plugin("pulled=tests.server.pulled:Pulled")
    make_checkpoint(root / "models" / "pulled", {"kind": "pulled"}, media="vector")
    plugins = install(root / "plugins")
    with serving("--models-dir", str(root / "models"), plugins=plugins) as server:
        yield server


def data(server: Server, n: int = 8, **body: Any) -> np.ndarray[Any, Any]:
    given: dict[str, Any] = {"n": n, "seed": 5, "sampler": {"method": "rk4", "steps": 10}, **body}
    samples = server.generate(**given)["samples"]
    return np.array([sample["data"] for sample in samples])


def test_samples_are_those_of_the_vector(pulled: Server) -> None:
    n = 256
    found = data(pulled, n, condition={"y": Y})
    deviation = np.abs(found.mean(0) - Y).max()
    assert deviation < 5 * WIDTH / n**0.5


def test_what_is_left_out_is_null(pulled: Server) -> None:
    np.testing.assert_array_equal(data(pulled), data(pulled, condition={"y": [0.0, 0.0]}))


def test_guidance_is_away_from_null(pulled: Server) -> None:
    guided = data(pulled, condition={"y": Y}, guidance={"scale": 2.0})
    np.testing.assert_allclose(guided, data(pulled, condition={"y": [3.0, -6.0]}), atol=1e-4)


def test_a_sample_does_not_depend_on_the_conditions_beside_it(pulled: Server) -> None:
    """Nor on whether its vector is written as a list or as a file."""
    alone = data(pulled, 1, condition={"y": Y})
    np.testing.assert_array_equal(data(pulled, 3, condition={"y": Y})[:1], alone)


def test_the_card_says_what_it_takes(pulled: Server) -> None:
    (card,) = pulled.client.get("/v1/models").json()["models"]
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
def test_what_does_not_fit_is_named(pulled: Server, body: dict[str, Any], field: str) -> None:
    response = pulled.client.post("/v1/generate", json=body)
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_an_edit_pulls_elsewhere(pulled: Server) -> None:
    """A condition from noise on is the condition of another sample of the same noise."""
    sampler = {"method": "rk4", "steps": 10}
    made = pulled.generate(seed=5, sampler=sampler, condition={"y": Y}, rewind={})["samples"][0]
    there = [2.0, 2.0]
    body: dict[str, Any] = {
        "handle": made["handle"]["id"],
        "at": {"step": 0},
        "operations": [{"type": "condition", "arrays": {"y": there}}],
    }
    response = pulled.client.post("/v1/edit", json=body)
    assert response.status_code == 200, response.text
    expected = data(pulled, 1, sampler=sampler, condition={"y": there})
    np.testing.assert_array_equal([response.json()["samples"][0]["data"]], expected)
    wrong = {**body, "operations": [{"type": "condition", "arrays": {"y": [1.0]}}]}
    refused = pulled.client.post("/v1/edit", json=wrong).json()
    assert refused["errors"][0]["field"] == "operations.0.arrays.y"


def test_scores_that_compare_with_none_take_any_condition(pulled: Server) -> None:
    answer = pulled.generate(condition={"y": Y}, confidence={"method": "adherence"})
    assert answer["samples"][0]["method"] == "adherence"
