"""A distribution that is not ours brings a solver, a score and a family; no file of ours knows it.

The recipes of CONTRIBUTING, followed: :mod:`sureflow_outside` is copied to where Python looks for
distributions, and a server that really runs finds it by its entry points.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load
from scipy.integrate import quad

from sureflow.core.draw import Purpose, normal
from sureflow_client import Client
from sureflow_client._cli.main import main
from tests.commands import invoke
from tests.outside.distribution import BIRTH, DEATH, START, install, make_population
from tests.server.conftest import make_checkpoint
from tests.server.running import Server, serving

MEAN, WIDTH = np.array([3.0, -1.0]), 0.3
GAUSSIAN: dict[str, Any] = {
    "kind": "gaussian_mixture",
    "weights": [1],
    "means": [MEAN.tolist()],
    "covariances": [WIDTH],
}
SEED = 11

STEPS = 8


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("outside")
    make_checkpoint(root / "models" / "gaussian", GAUSSIAN, media="vector")
    make_population(root / "models" / "population")
    options = ("--models-dir", str(root / "models"), "--default-model", "gaussian")
    with serving(*options, plugins=install(root / "distributions")) as server:
        yield server


def noise(index: int) -> np.ndarray[Any, Any]:
    return normal((2,), SEED, index, Purpose.START).numpy().astype(np.float64)


def refusal(server: Server, **body: Any) -> list[str]:
    """The fields that a request is refused for."""
    response = server.client.post("/v1/generate", json=body)
    assert response.status_code == 422, response.text
    return [error["field"] for error in response.json()["errors"]]


def test_the_solver_has_its_order(outside: Server) -> None:
    """The flow of one Gaussian to another is known: ``x1 = mean + width x0``."""
    expected = np.array([MEAN + WIDTH * noise(index) for index in range(16)])

    def error(steps: int) -> float:
        sampler = {"method": "ralston", "steps": steps}
        samples = outside.generate(n=16, seed=SEED, sampler=sampler)["samples"]
        found = np.array([sample["data"] for sample in samples])
        assert {sample["evaluations"] for sample in samples} == {2 * steps}
        return float(np.sqrt(np.mean((found - expected) ** 2)))

    assert error(20) / error(40) == pytest.approx(4, rel=0.2)


def test_the_solver_keeps_to_a_tolerance(outside: Server) -> None:
    sampler = {"method": "ralston", "tolerance": 1e-4}
    (sample,) = outside.generate(seed=SEED, sampler=sampler)["samples"]
    np.testing.assert_allclose(sample["data"], MEAN + WIDTH * noise(0), atol=1e-2)
    assert sample["tolerance"] == 1e-4


def test_the_score_is_what_it_says(outside: Server) -> None:
    body = {"sampler": {"method": "rk4", "steps": 100}, "confidence": {"method": "path_length"}}
    (sample,) = outside.generate(seed=SEED, **body)["samples"]
    start = noise(0)

    def speed(t: float) -> float:
        spread = np.hypot(1 - t, t * WIDTH)
        return float(np.linalg.norm(MEAN + (t * WIDTH**2 - (1 - t)) / spread * start))

    assert sample["uncertainty"] == pytest.approx(quad(speed, 0, 1)[0], rel=1e-3)
    assert (sample["method"], sample["semantics"]) == ("path_length", "detour")
    assert sample["unit"] == "data units"


def test_a_lane_can_be_edited_with_both(outside: Server) -> None:
    """Frames hold what the score keeps, and recipes know the solver by its name."""
    body = {"sampler": {"method": "ralston"}, "confidence": {"method": "path_length"}}
    (made,) = outside.generate(seed=SEED, rewind={"keep": [0.5]}, **body)["samples"]
    given = {"handle": made["handle"]["id"], "at": {"t": 0.5}}
    response = outside.client.post("/v1/edit", json=given)
    assert response.status_code == 200, response.text
    (again,) = response.json()["samples"]
    assert (again["data"], again["uncertainty"]) == (made["data"], made["uncertainty"])
    assert again["evaluations"] == made["evaluations"] / 2


def test_populations_have_their_law(outside: Server) -> None:
    """Survivors of a Poisson number and Poisson births are Poisson, whatever the leaps."""
    n = 1000
    body = {"model": "population", "n": n, "seed": SEED, "sampler": {"steps": STEPS}}
    samples = outside.generate(**body)["samples"]
    found = np.array([sample["data"] for sample in samples])
    assert (found == found.round()).all()
    assert (found >= 0).all()
    mean = START
    for _ in range(STEPS):
        mean = mean * np.exp(-DEATH / STEPS) + BIRTH / STEPS
    error = np.sqrt(mean / n)
    np.testing.assert_array_less(np.abs(found.mean(0) - mean), 5 * error)
    # the variance of the empirical variance of a Poisson number is (mean + 2 mean^2) / n
    off = np.abs(found.var(0, ddof=1) - mean)
    np.testing.assert_array_less(off, 5 * np.sqrt((mean + 2 * mean**2) / n))
    assert {sample["evaluations"] for sample in samples} == {STEPS}
    assert samples[0]["semantics"] == "agitation"
    assert samples[0]["uncertainty"] > 0


def test_a_population_does_not_depend_on_its_company(outside: Server) -> None:
    """Nor on the lanes of another family that run beside it."""
    body: dict[str, Any] = {"model": "population", "seed": SEED}
    many = outside.generate(n=20, **body)["samples"]
    flow = outside.generate(n=20, seed=SEED)["samples"]
    with ThreadPoolExecutor() as pool:
        beside = pool.submit(outside.generate, n=200, seed=1, sampler={"steps": 200})
        for n in range(1, 20):
            assert outside.generate(n=n, **body)["samples"] == many[:n]
        assert outside.generate(n=20, seed=SEED)["samples"] == flow
        assert len(beside.result()["samples"]) == 200


def test_populations_travel_in_their_own_form(outside: Server) -> None:
    body: dict[str, Any] = {"model": "population", "seed": SEED, "output": {"format": "csv"}}
    headers = {"Accept": "text/csv"}
    response = outside.client.post("/v1/generate", json=body, headers=headers)
    assert response.headers["content-type"].startswith("text/csv")
    record = json.loads(response.headers["x-sureflow-record"])
    (sample,) = outside.generate(model="population", seed=SEED)["samples"]
    assert [float(count) for count in response.text.split(",")] == sample["data"]
    assert record["samples"][0]["uncertainty"] == sample["uncertainty"]
    tensors = outside.client.post(
        "/v1/generate",
        json={"model": "population", "seed": SEED},
        headers={"Accept": "application/x-safetensors"},
    )
    assert load(tensors.content)["samples"].tolist() == [sample["data"]]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"n": 0, "sampler": {"steps": 0}, "colour": 1}, ["n", "sampler.steps", "colour"]),
        ({"sampler": {"method": "heun"}}, ["sampler.method"]),
        ({"guidance": {"scale": 2.0}}, ["guidance.scale"]),
        ({"condition": {"label": 0}}, ["condition.label"]),
        ({"confidence": {"method": "propagated"}}, ["confidence.method"]),
        ({"confidence": {"method": "vibes"}}, ["confidence.method"]),
        ({"output": {"format": "png"}}, ["output.format"]),
        ({"rewind": {}}, ["rewind"]),
        ({"filter": {"by": "uncertainty", "max": 1, "action": "rewind"}}, ["filter.action"]),
        ({"filter": {"min": 0.5}}, ["filter.by"]),
    ],
    ids=str,
)
def test_what_the_family_does_not_know_is_named(
    outside: Server, body: dict[str, Any], fields: list[str]
) -> None:
    assert refusal(outside, model="population", **body) == fields


def test_what_it_brings_is_not_for_flows(outside: Server) -> None:
    assert refusal(outside, confidence={"method": "activity"}) == ["confidence.method"]
    assert refusal(outside, output={"format": "csv"}) == ["output.format"]
    assert refusal(outside, sampler={"method": "leap"}) == ["sampler.method"]


def test_nothing_is_inverted_that_cannot_be(outside: Server) -> None:
    body = {"model": "population", "samples": [[1.0, 2.0, 3.0]]}
    response = outside.client.post("/v1/invert", json=body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "model"


def test_filters_work_as_everywhere(outside: Server) -> None:
    filter = {"by": "uncertainty", "top": 2, "action": "drop"}
    answer = outside.generate(model="population", n=5, seed=SEED, filter=filter)
    kept = [sample for sample in answer["samples"] if sample["data"] is not None]
    scores = sorted(sample["uncertainty"] for sample in answer["samples"])
    assert sorted(sample["uncertainty"] for sample in kept) == scores[:2]


def test_everybody_reads_the_one_list(outside: Server) -> None:
    cards = {card["name"]: card for card in outside.client.get("/v1/models").json()["models"]}
    population = cards["population"]
    assert population["family"] == "births"
    assert population["samplers"] == ["leap"]
    assert population["scores"] == ["activity"]
    assert population["operations"] == []
    assert population["formats"] == ["list", "npy", "csv"]
    assert population["schemas"]["sampler"]["title"] == "LeapOptions"
    assert {*cards["gaussian"]["schemas"]["operations"]} == {*cards["gaussian"]["operations"]}
    assert "ralston" in cards["gaussian"]["samplers"]
    assert "path_length" in cards["gaussian"]["scores"]
    document = outside.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert "ralston" in schemas["SamplerOptions"]["properties"]["method"]["enum"]
    scores = schemas["ConfidenceOptions"]["properties"]["method"]
    assert {"path_length", "activity"} <= {*scores["anyOf"][0]["enum"]}
    assert "activity: how many births" in scores["description"]
    assert schemas["LeapOptions"]["properties"]["steps"]["maximum"] == 1000
    options = schemas["GenerateRequest"]["properties"]["sampler"]["anyOf"]
    names = [option["$ref"].rpartition("/")[2] for option in options]
    assert {"AnnealedOptions", "SamplerOptions", "LeapOptions"} <= {*names}
    answers = document["paths"]["/v1/generate"]["post"]["responses"]["200"]["content"]
    assert "text/csv" in answers


def test_the_other_door_knows_it_too(outside: Server) -> None:
    described = outside.client.get("/v2/models/population").json()
    assert [each["name"] for each in described["inputs"]] == ["n", "seed"]
    inputs = [{"name": "seed", "datatype": "INT64", "shape": [1], "data": [SEED]}]
    answer = outside.client.post("/v2/models/population/infer", json={"inputs": inputs}).json()
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    (sample,) = outside.generate(model="population", seed=SEED)["samples"]
    assert outputs["samples"] == sample["data"]


def test_the_client_asks_for_all_of_it(outside: Server) -> None:
    with Client(outside.url) as client:
        (flow,) = client.generate("gaussian", seed=SEED, method="ralston", score="path_length")
        (counted,) = client.generate("population", seed=SEED, output="csv", sampler={"steps": 4})
        (exact,) = client.generate("population", seed=SEED, output="npy", steps=4)
    assert (flow.method, flow.evaluations) == ("path_length", 40)
    suffix, content = counted.file()
    assert suffix == ".csv"
    assert [float(count) for count in content.split(b",")] == exact.array().tolist()


def test_so_does_its_command(outside: Server, tmp_path: Path) -> None:
    ask = partial(invoke, main, SUREFLOW_URL=outside.url, COLUMNS="200")
    words = ("--seed", "1", "--format", "csv", "--sampler", '{"steps": 4}', "--score", "activity")
    done = ask("generate", "population", *words, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "0000.csv").read_text().count(",") == 2
    done = ask("generate", "--method", "ralston", "--score", "path_length", "--rewind", "all")
    assert done.returncode == 0, done.stderr
    handle = next(word for word in done.stdout.split() if word.startswith("hdl_"))
    operation = '{"type": "resample", "strength": 0.5}'
    done = ask("edit", handle, "--at", "0", "--operation", operation, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["parent"] == handle
    refused = ask("edit", handle, "--operation", '{"type": "twist"}')
    assert refused.returncode == 2
    assert "operations" in refused.stderr
