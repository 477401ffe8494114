"""A diffusion model beside a flow, on a running server."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import sureflow
from sureflow.core.codec import npy
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.model import Model
from sureflow.networks import register
from tests.server.api.test_edit import edit, same
from tests.server.asking import refusal
from tests.server.conftest import POINTS, make_checkpoint
from tests.server.painter import Painter
from tests.server.running import ROOT, Server, serving

NETWORK: dict[str, Any] = {
    "kind": "frozen",
    "base": "painter",
    "shape": [4],
    "classes": 3,
    "null_label": False,
    "path": {"kind": "discrete", "betas": "scaled_linear"},
    "prediction": "v",
    "time": "step / 1000",
    "variance": "none",
}
"""Some network; its samples are of nothing, but always the same."""

DDPM: dict[str, Any] = {"method": "euler", "steps": 10, "eta": 1}
BODY: dict[str, Any] = {
    "model": "steps",
    "n": 3,
    "seed": 11,
    "condition": {"label": 2},
    "sampler": DDPM,
    "output": {"format": "list"},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("diffusion")
    torch.manual_seed(0)
    register("painter", Painter)
    make_checkpoint(root / "points", POINTS, media="vector")
    fields = {"family": "diffusion", "media": "vector", "classes": ("a", "b", "c")}
    make_checkpoint(root / "steps", NETWORK, **fields)
    return root


@pytest.fixture(scope="module")
def model(models: Path) -> Model:
    return sureflow.load(models / "steps")


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[Server]:
    options = ("--models-dir", str(models), "--default-model", "points")
    plugin = ("--plugin", "painter=tests.server.painter:Painter")
    with serving(*options, *plugin, plugins=ROOT) as running:
        yield running


def test_bytes_are_those_of_the_library(server: Server, model: Model) -> None:
    answer = server.generate(**{**BODY, "output": {"format": "npy"}})
    offline = sureflow.sample(model, 3, 11, label=2, method="euler", steps=10, eta=1.0)
    for one, other in zip(answer["samples"], offline, strict=True):
        assert base64.b64decode(one["data"]) == npy(other.data)
        assert one["scores"] == other.scores


def test_the_card_lists_grids_and_what_a_model_lacks(server: Server) -> None:
    card = server.client.get("/v1/models/steps").json()
    assert card["family"] == "diffusion"
    assert card["grids"] == ["native", "karras", "logsnr", "uniform"]
    assert (card["variance"], card["null_label"]) == ("none", False)
    flow = server.client.get("/v1/models/points").json()
    assert (flow["variance"], flow["null_label"]) == ("own", True)
    lacking = {name for name, score in SCORES.items() if score.needs_variance}
    assert not lacking & {*card["scores"]}
    assert lacking < {*flow["scores"]}
    assert "eta" in card["schemas"]["sampler"]["properties"]
    assert "eta" not in flow["schemas"]["sampler"]["properties"]


@pytest.mark.parametrize("score", [name for name, z in SCORES.items() if z.needs_variance])
def test_scores_that_need_a_variance_are_refused(server: Server, score: str) -> None:
    for field, asked in (("method", {"method": score}), ("also", {"also": [score]})):
        body = {**BODY, "sampler": {}, "confidence": asked}
        problem = refusal(server.client.post("/v1/generate", json=body), 422, "validation")
        (error,) = problem["errors"]
        assert error["field"] == f"confidence.{field}"
        assert "variance" in error["message"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sampler": {"eta": 0.5, "tolerance": 0.01}}, "sampler.eta"),
    ({"sampler": {"churn": 1, "method": "ab2"}}, "sampler.churn"),
    ({"sampler": {"eta": 0.5, "method": "euler", "parallel": {"window": 2}}}, "sampler.eta"),
    ({"sampler": {"grid": "fitted"}}, "sampler.grid"),
    ({"condition": None}, "condition.label"),
    ({"condition": {}}, "condition.label"),
    ({"guidance": {"scale": 2}}, "guidance.scale"),
    ({"model": "points", "condition": None, "sampler": {"eta": 0.5}}, "sampler.eta"),
    ({"model": "points", "condition": None, "sampler": {"grid": "karras"}}, "sampler.grid"),
    ({"confidence": {"method": "adherence"}}, "confidence.method"),
    ({"confidence": {"method": "likelihood"}}, "confidence.method"),
]


@pytest.mark.parametrize(("changes", "field"), WRONG)
def test_what_cannot_be_is_refused_by_its_field(
    server: Server, changes: dict[str, Any], field: str
) -> None:
    response = server.client.post("/v1/generate", json={**BODY, **changes})
    problem = refusal(response, 422, "validation")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_document_lists_the_sampler(server: Server) -> None:
    schemas = server.client.get("/openapi.json").json()["components"]["schemas"]
    assert {"eta", "churn"} < schemas["DiffusionOptions"]["properties"].keys()
    assert not {"eta", "churn"} & schemas["SamplerOptions"]["properties"].keys()
    assert "native" in str(schemas["DiffusionOptions"]["properties"]["grid"])
    choice = schemas["GenerateRequest"]["properties"]["sampler"]
    assert "DiffusionOptions" in str(choice)


@pytest.mark.parametrize(
    "sampler", [DDPM, {"method": "heun", "steps": 8, "churn": 4, "grid": "karras"}]
)
def test_trajectories_are_taken_up_again(server: Server, sampler: dict[str, Any]) -> None:
    body = {**BODY, "sampler": sampler, "rewind": {"keep": [0.0, 0.01, 0.5]}}
    first, *_ = server.generate(**body)["samples"]
    assert first["commit"]["step"] < first["steps"]["accepted"]
    for at in ({"t": 0}, {"step": 3}, {"t": 0.5}, "commit"):
        answer = edit(server, first, at=at)
        assert same(answer["samples"][0], first), at
    answer = edit(server, first, at={"step": 3}, branches=2)
    assert same(answer["samples"][0], first)
    assert answer["samples"][1]["data"] != first["data"]
    quiet = {"method": "heun", "steps": 8, "eta": 0, "churn": 0}
    body = {"handle": first["handle"]["id"], "at": {"step": 3}, "branches": 2, "sampler": quiet}
    problem = refusal(server.client.post("/v1/edit", json=body), 422, "validation")
    assert problem["errors"][0]["field"] == "branches"
    answer = edit(server, first, at={"step": 3}, operations=[{"type": "resample"}])
    assert answer["samples"][0]["data"] != first["data"]
    answer = edit(server, first, at={"step": 3}, sampler=quiet)
    assert answer["samples"][0]["data"] != first["data"]


def test_a_sample_is_inverted(server: Server) -> None:
    body = {"model": "steps", "condition": {"label": "b"}, "output": {"format": "list"}}
    (first,) = server.generate(**body, seed=4, sampler={"method": "rk4", "steps": 50})["samples"]
    asked = {**body, "samples": [first["data"]]}
    response = server.client.post("/v1/invert", json=asked)
    assert response.status_code == 200, response.text
    (found,) = response.json()["samples"]
    assert found["inversion_error"] < 1e-2
    np.testing.assert_allclose(found["data"], first["data"], atol=2e-2)
    wrong = {**asked, "sampler": {"method": "euler", "steps": 10, "eta": 1}}
    problem = refusal(server.client.post("/v1/invert", json=wrong), 422, "validation")
    assert problem["errors"][0]["field"] == "sampler.eta"


def test_the_flow_beside_it_is_as_ever(server: Server) -> None:
    (sample,) = server.generate(model="points", seed=1)["samples"]
    assert sample["finish_reason"] == "converged"
    assert sample["uncertainty"] > 0
