"""Densities over HTTP, from a server that really runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sureflow.checkpoint import CheckpointConfig, save
from sureflow.families.annealed.targets import build
from sureflow.families.annealed.targets.mixture import Mixture
from tests.server.running import Server, serving

NETWORK: dict[str, Any] = {
    "kind": "mixture",
    "arguments": {"modes": 2, "dimension": 2},
    "dimension": 2,
    "scale": 5.0,
}
ASKED: dict[str, Any] = {"seed": 3, "sampler": {"steps": 12, "replicas": 4}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root: Path = tmp_path_factory.mktemp("annealed")
    target = build(NETWORK)
    state = Mixture.of([[-3.0, 0.0], [3.0, 1.0]], [0.6, 0.9], [0.6, 0.4]).state_dict()
    target.energy.load_state_dict(state)
    config = CheckpointConfig(name="two", family="annealed", media="vector", network=NETWORK)
    save(root / "two", config, target)
    with serving("--models-dir", str(root)) as running:
        yield running


def edited(server: Server, handle: str, *operations: Any) -> Any:
    given = {"handle": handle, "at": {"t": 0.75}, "operations": operations, "branches": 3}
    response = server.client.post("/v1/edit", json=given)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_card_says_what_there_is_to_ask_for(server: Server) -> None:
    (card,) = server.client.get("/v1/models").json()["models"]
    assert (card["family"], card["view"]) == ("annealed", "plane")
    assert card["samplers"] == ["ais", "pt", "cds", "mala"]
    assert [*card["conditions"]] == ["temperature"]
    assert card["operations"] == ["resample", "hold", "guide", "condition"]
    assert card["scores"][0] == "missing_mass"


def test_answers_have_weights_and_the_constant(server: Server) -> None:
    answer = server.generate(n=60, **ASKED)
    logs = np.array([sample["numbers"]["log_weight"] for sample in answer["samples"]])
    told, w = answer["summary"], np.exp(logs)
    assert told["log_z"] == pytest.approx(np.log(w.mean()))
    assert told["ess"] == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert abs(np.expm1(told["log_z"])) < 4 * told["log_z_error"] < 1
    assert answer["warnings"] == []
    for sample in answer["samples"]:
        assert sample["uncertainty"] == pytest.approx(-sample["numbers"]["log_z"])
        assert sample["evaluations"] == 2 * 12 * 4 + 2 * 4


def test_samples_do_not_depend_on_their_company(server: Server) -> None:
    many = server.generate(n=9, **ASKED)["samples"]
    assert server.generate(n=4, **ASKED)["samples"] == many[:4]


def test_chains_that_stay_apart_are_warned_of(server: Server) -> None:
    sampler = {"method": "mala", "steps": 30, "replicas": 2}
    answer = server.generate(n=12, seed=3, sampler=sampler)
    assert answer["summary"]["r_hat"] > 1.5
    assert any(said.startswith("summary.r_hat") for said in answer["warnings"])
    sample = answer["samples"][0]
    assert (sample["method"], sample["numbers"]["log_z"]) == ("r_hat", None)


def test_filters_choose_by_weight(server: Server) -> None:
    filter = {"by": "uncertainty", "top": 3, "action": "drop"}
    answer = server.generate(n=8, filter=filter, **ASKED)
    kept = [sample for sample in answer["samples"] if sample["data"] is not None]
    weights = sorted(sample["numbers"]["log_weight"] for sample in answer["samples"])
    assert sorted(sample["numbers"]["log_weight"] for sample in kept) == weights[-3:]


def test_runs_are_taken_up_again(server: Server) -> None:
    made = server.generate(n=1, rewind={"keep": [0.5, 0.75]}, **ASKED)["samples"][0]
    handle = made["handle"]["id"]
    again = edited(server, handle)["samples"][0]
    assert (again["data"], again["numbers"]) == (made["data"], made["numbers"])
    held = edited(server, handle, {"type": "hold", "mask": [0, 1]})["samples"]
    assert {sample["data"][1] for sample in held} == {made["data"][1]}
    for operation in (
        {"type": "resample", "strength": 0.5},
        {"type": "guide", "target": [0, 0], "strength": 3},
        {"type": "condition", "arrays": {"temperature": [3.0]}},
    ):
        samples = edited(server, handle, operation)["samples"]
        assert len({str(sample["data"]) for sample in samples}) > 1
        assert all(sample["confidence"] is None for sample in samples)
    show = {"show": ["state", "map"], "format": "list"}
    frames = server.client.get(f"/v1/handles/{handle}/frames", params=show)
    assert frames.status_code == 200, frames.text
    *before, last = frames.json()["views"]
    assert last["map"] == [0, 0]  # nothing is open at the end
    assert all(np.shape(view["map"]) == (2,) for view in before)


WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"sampler": {"method": "heun"}}, ["sampler.method"]),
    ({"sampler": {"replicas": 1}}, ["sampler.replicas"]),
    ({"sampler": {"replicas": 17}}, ["sampler.replicas"]),
    ({"sampler": {"steps": 5, "budget": 100}}, ["sampler.budget"]),
    ({"sampler": {"budget": 3}}, ["sampler.budget"]),
    ({"condition": {"temperature": [0.0]}}, ["condition.temperature"]),
    ({"condition": {"prior_scale": [1.0]}}, ["condition.prior_scale"]),
    ({"guidance": {"scale": 2.0}}, ["guidance.scale"]),
    ({"confidence": {"method": "propagated"}}, ["confidence.method"]),
    (
        {"confidence": {"method": "r_hat"}, "sampler": {"method": "ais"}},
        ["confidence.method"],
    ),
]


@pytest.mark.parametrize(("body", "fields"), WRONG, ids=str)
def test_what_cannot_be_served_is_named(
    server: Server, body: dict[str, Any], fields: list[str]
) -> None:
    response = server.client.post("/v1/generate", json=body)
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == fields
