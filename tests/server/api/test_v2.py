"""The Open Inference Protocol, spoken by NVIDIA's unmodified client to a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

import sureflow
from tests.server.running import Server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(server.url.removeprefix("http://")) as client:
        yield client


def tensor(name: str, value: Any, binary: bool = True) -> InferInput:
    array = np.array([value])
    if array.dtype.kind == "U":
        array = array.astype(np.object_)
    made = InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def infer(client: InferenceServerClient, model: str, **options: Any) -> InferResult:
    given = options.pop("given", {})
    binary = options.pop("binary", True)
    inputs = [tensor(name, value, binary) for name, value in given.items()]
    return client.infer(model, inputs, **options)


def arrays(answer: dict[str, Any]) -> np.ndarray:
    return np.array([sample["data"] for sample in answer["samples"]], np.float32)


def test_the_client_finds_server_and_models(client: InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    metadata = client.get_server_metadata()
    assert metadata["name"] == "sureflow"
    assert metadata["version"] == sureflow.__version__
    assert "binary_tensor_data" in metadata["extensions"]
    listed = {model["name"]: model["state"] for model in client.get_model_repository_index()}
    assert listed == {"icons": "READY", "points": "READY"}


def test_a_model_describes_itself(client: InferenceServerClient, server: Server) -> None:
    card = server.client.get("/v1/models/icons").json()
    metadata = client.get_model_metadata("icons")
    assert metadata == client.get_model_metadata("icons", card["version"])
    assert metadata["versions"] == [card["version"]]
    assert {each["name"]: each["datatype"] for each in metadata["inputs"]} == {
        "n": "INT32",
        "seed": "INT64",
        "label": "INT64",
        "guidance": "FP64",
        "steps": "INT32",
    }
    shapes = {each["name"]: each["shape"] for each in metadata["outputs"]}
    assert shapes["samples"] == [-1, 1, 4, 4]
    assert shapes["confidence"] == shapes["decision"] == [-1]
    points = client.get_model_metadata("points")
    assert {each["name"] for each in points["inputs"]} == {"n", "seed", "steps"}


def test_readiness_is_asked_by_model_and_version(
    client: InferenceServerClient, server: Server
) -> None:
    version = server.client.get("/v1/models/icons").json()["version"]
    assert client.is_model_ready("icons")
    assert client.is_model_ready("icons", version)
    assert not client.is_model_ready("icons", "1")
    assert not client.is_model_ready("absent")


@pytest.mark.parametrize("binary", [True, False])
def test_samples_are_those_of_generate(
    client: InferenceServerClient, server: Server, binary: bool
) -> None:
    given = {"n": 3, "seed": 7, "label": 1, "guidance": 1.5, "steps": 5}
    names = ("samples", "confidence", "uncertainty", "decision", "finish_reason", "evaluations")
    outputs = [InferRequestedOutput(name, binary_data=binary) for name in names]
    result = infer(
        client,
        "icons",
        given=given,
        binary=binary,
        outputs=outputs,
        parameters={"filter.min": 0.5, "filter.action": "annotate"},
        request_id="mine",
    )
    expected = server.generate(
        model="icons",
        n=3,
        seed=7,
        condition={"label": 1},
        guidance={"scale": 1.5},
        sampler={"steps": 5},
        filter={"min": 0.5, "action": "annotate"},
        output={"format": "list"},
    )
    samples = expected["samples"]
    made = result.as_numpy("samples")
    assert made.dtype == np.float32
    assert made.tobytes() == arrays(expected).tobytes()
    for name in ("confidence", "uncertainty"):
        values = np.array([sample[name] for sample in samples], np.float32)
        assert result.as_numpy(name).tolist() == values.tolist()
    said = [s.decode() if isinstance(s, bytes) else s for s in result.as_numpy("decision")]
    assert said == [sample["decision"]["action_taken"] for sample in samples]
    assert result.as_numpy("evaluations").tolist() == [sample["evaluations"] for sample in samples]
    response = result.get_response()
    assert response["id"] == "mine"
    assert response["model_version"] == expected["model_version"]
    assert response["parameters"]["seed"] == 7
    assert response["parameters"]["evaluations"] == expected["usage"]["evaluations"]


def test_by_default_everything_comes_as_bytes(client: InferenceServerClient) -> None:
    result = infer(client, "points", given={"seed": 3})
    outputs = result.get_response()["outputs"]
    assert all("binary_data_size" in output["parameters"] for output in outputs)
    assert result.as_numpy("samples").shape == (1, 2)
    assert np.isnan(result.as_numpy("confidence")).all(), "points has no calibration"
    assert result.as_numpy("decision").tolist() == [b""]


def test_what_is_not_known_is_null_in_json(client: InferenceServerClient) -> None:
    output = InferRequestedOutput("confidence", binary_data=False)
    result = infer(client, "points", given={"seed": 3}, outputs=[output])
    (shown,) = result.get_response()["outputs"]
    assert shown["data"] == [None]
    assert np.isnan(result.as_numpy("confidence")).all()


def test_a_withheld_sample_is_nan(client: InferenceServerClient) -> None:
    parameters = {"filter.by": "uncertainty", "filter.max": -1e9, "filter.action": "drop"}
    result = infer(client, "points", given={"n": 2, "seed": 1}, parameters=parameters)
    assert result.as_numpy("decision").tolist() == [b"dropped"] * 2
    assert np.isnan(result.as_numpy("samples")).all()


def test_a_label_may_be_a_name_and_anything_a_parameter(client: InferenceServerClient) -> None:
    by_number = infer(client, "icons", given={"seed": 5, "label": 1})
    by_name = infer(client, "icons", given={"seed": 5, "label": "stripes"})
    by_parameter = infer(client, "icons", parameters={"seed": 5, "label": "stripes"})
    by_path = infer(client, "icons", parameters={"seed": 5, "condition.label": 1})
    made = {r.as_numpy("samples").tobytes() for r in (by_number, by_name, by_parameter, by_path)}
    assert len(made) == 1
    other = infer(client, "icons", given={"seed": 5, "label": 0})
    assert other.as_numpy("samples").tobytes() not in made


def test_a_seed_that_was_drawn_is_told(client: InferenceServerClient) -> None:
    drawn = infer(client, "points")
    again = infer(client, "points", given={"seed": drawn.get_response()["parameters"]["seed"]})
    assert drawn.as_numpy("samples").tobytes() == again.as_numpy("samples").tobytes()


def test_tritons_priority_and_timeout_are_understood(client: InferenceServerClient) -> None:
    for priority in (1, 11, 10**6):
        assert infer(client, "points", priority=priority).as_numpy("samples").shape == (1, 2)
    assert infer(client, "points", timeout=60_000_000).as_numpy("samples").shape == (1, 2)
    with pytest.raises(InferenceServerException, match="deadline") as refused:
        infer(client, "points", given={"n": 512, "steps": 1000}, timeout=1)
    assert refused.value.status() in ("429", "504")


def test_it_is_counted_like_any_other_request(
    client: InferenceServerClient, server: Server
) -> None:
    labels = {"model": "points", "operation": "generate", "outcome": "ok"}
    before = server.metric("sureflow_requests_total", **labels)
    infer(client, "points")
    assert server.metric("sureflow_requests_total", **labels) == before + 1


@pytest.mark.parametrize(
    ("model", "given", "options", "status", "message"),
    [
        ("absent", {}, {}, "404", "there is no 'absent'"),
        ("points", {}, {"model_version": "1"}, "404", "and no other"),
        ("points", {"n": 0}, {}, "422", "n: "),
        ("points", {"n": 1.5}, {}, "422", "n: "),
        ("points", {"n": True}, {}, "422", "n: "),
        ("points", {"n": "many"}, {}, "422", "n: "),
        ("points", {"label": 1}, {}, "422", "condition.label"),
        ("icons", {"label": "circle"}, {}, "422", "no class 'circle'"),
        ("icons", {"guidance": 1.5}, {}, "422", "needs condition.label"),
        ("points", {"magic": 1}, {}, "422", "inputs.magic: choose from"),
        ("points", {}, {"parameters": {"magic": 1}}, "422", "magic: this server knows no such"),
        ("points", {}, {"parameters": {"sampler.magic": 1}}, "422", "sampler.magic"),
        ("points", {}, {"parameters": {"sampler": 1}}, "422", "sampler"),
        ("points", {}, {"parameters": {"sampler": 1, "sampler.steps": 5}}, "422", "sampler"),
        ("points", {}, {"parameters": {"sampler.steps": 5, "sampler": 1}}, "422", "sampler"),
        ("points", {"n": 1}, {"parameters": {"n": 2}}, "422", "says so elsewhere"),
        ("points", {}, {"parameters": {"model": "icons"}}, "422", "says so elsewhere"),
        ("points", {}, {"sequence_id": 3}, "422", "sequence_id"),
        ("points", {}, {"request_compression_algorithm": "gzip"}, "415", "without compression"),
        ("points", {}, {"outputs": [InferRequestedOutput("magic")]}, "422", "outputs.magic"),
    ],
)
def test_errors_have_the_protocols_form(
    client: InferenceServerClient,
    model: str,
    given: dict[str, Any],
    options: dict[str, Any],
    status: str,
    message: str,
) -> None:
    with pytest.raises(InferenceServerException) as failed:
        infer(client, model, given=given, **options)
    assert failed.value.status() == status
    assert message in failed.value.message()


def test_a_tensor_has_one_element(client: InferenceServerClient) -> None:
    wide = InferInput("seed", [2], "INT64")
    wide.set_data_from_numpy(np.array([1, 2]))
    with pytest.raises(InferenceServerException, match="has one element"):
        client.infer("points", [wide])
    square = InferInput("seed", [1, 1], "INT64")
    square.set_data_from_numpy(np.array([[4]]))
    assert client.infer("points", [square]).get_response()["parameters"]["seed"] == 4


def test_paths_that_there_are_not(server: Server) -> None:
    for path in ("/v2/absent", "/v2/models/points/absent"):
        response = server.client.get(path)
        assert response.status_code == 404
        assert response.json().keys() == {"error"}
    assert "type" in server.client.get("/v2x").json(), "that is none of the protocol's paths"


POST = "/v2/models/points/infer"
SEED = {"name": "seed", "datatype": "INT64", "shape": [1]}


def size(of: Any) -> dict[str, Any]:
    return {"inputs": [{**SEED, "parameters": {"binary_data_size": of}}]}


@pytest.mark.parametrize(
    ("document", "rest", "length", "status"),
    [
        (size(8), b"\1" + bytes(7), None, 400),
        (size(8), b"\1" + bytes(7), "-1", 400),
        (size(8), b"\1" + bytes(7), "1e3", 400),
        (size(8), b"\1" + bytes(7), "100000", 400),
        (size(8), b"\1" + bytes(7), "٣", 400),
        (size(8), b"", "all", 422),
        (size(8), bytes(9), "all", 400),
        (size(4), bytes(4), "all", 422),
        (size(-1), b"", "all", 422),
        (size(True), b"", "all", 422),
        (size("8"), bytes(8), "all", 422),
        ({"inputs": [{**size(8)["inputs"][0], "data": [1]}]}, bytes(8), "all", 422),
        ({"inputs": [{**SEED, "data": [1]}, {**SEED, "data": [1]}]}, b"", "all", 422),
        ({"inputs": [{**SEED, "data": []}]}, b"", "all", 422),
        ({"inputs": [{**SEED, "data": {"a": 1}}]}, b"", "all", 422),
        ({"inputs": [{**SEED, "shape": [10**30] * 50, "data": [1]}]}, b"", "all", 422),
        ({"inputs": [{**SEED, "shape": [-1], "data": [1]}]}, b"", "all", 422),
        ({"inputs": [{**SEED, "datatype": "MAGIC", "data": [1]}]}, b"", "all", 422),
        ({"inputs": [{"name": "seed"}]}, b"", "all", 422),
        ({"inputs": 3}, b"", "all", 422),
        ([], b"", "all", 422),
    ],
)  # fmt: skip
def test_malformed_bodies_are_told_apart(
    server: Server, document: Any, rest: bytes, length: str | None, status: int
) -> None:
    head = json.dumps(document).encode()
    announced = {} if length is None else {
        "Inference-Header-Content-Length": (str(len(head)) if length == "all" else length).encode()
    }  # fmt: skip
    response = server.client.post(POST, content=head + rest, headers=announced)
    assert response.status_code == status, response.text
    assert response.json().keys() == {"error"}


def test_text_that_is_none(server: Server) -> None:
    for raw in (b"\2\0\0\0\xff\xfe", b"\xff\xff\xff\xffab", b"ab"):
        label = {"name": "label", "datatype": "BYTES", "shape": [1]}
        label["parameters"] = {"binary_data_size": len(raw)}
        head = json.dumps({"inputs": [label]}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head))}
        response = server.client.post("/v2/models/icons/infer", content=head + raw, headers=headers)
        assert response.status_code == 422, response.text


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200), length=st.none() | st.integers(0, 250))
def test_no_body_is_too_strange(server: Server, body: bytes, length: int | None) -> None:
    headers = {} if length is None else {"Inference-Header-Content-Length": str(length)}
    response: httpx.Response = server.client.post(POST, content=body, headers=headers)
    assert response.status_code in (200, 400, 422), response.text
    if response.status_code != 200:
        assert response.json().keys() == {"error"}
