"""The OpenAPI document tells the truth."""

from __future__ import annotations

import json
import re
from ast import literal_eval
from typing import Any

import pytest

from sureflow.core.family import families
from sureflow.families.flow.tableau import METHODS
from sureflow_server.api.dialect import dialect_at
from sureflow_server.api.examples import EDITS, IMAGES, INVERSIONS, REQUESTS
from sureflow_server.api.openai.image_record import ImagesResponse
from sureflow_server.api.problems import TITLES
from sureflow_server.api.responses import EditResponse, GenerateResponse, ModelList
from tests.server.running import ROOT, Server

PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def document(server: Server) -> dict[str, Any]:
    answer: dict[str, Any] = server.client.get("/openapi.json").json()
    return answer


@pytest.mark.parametrize("name", REQUESTS)
def test_examples_run_as_they_are(embedded: Server, name: str) -> None:
    operation = document(embedded)["paths"]["/v1/generate"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    assert set(examples) == set(REQUESTS)
    body = examples[name]["value"]
    answer = embedded.generate(**body)
    filter = body.get("filter", {})
    if "accept" in filter:
        taken = [sample["decision"]["action_taken"] for sample in answer["samples"]]
        assert taken.count("accepted") == filter["accept"] < len(taken)
    else:
        assert len(answer["samples"]) == body.get("n", 1)
    assert answer["model"] == body.get("model", "fashion")


@pytest.mark.parametrize("name", IMAGES)
def test_examples_of_images_run_as_they_are(embedded: Server, name: str) -> None:
    body = IMAGES[name]["value"]
    answer = embedded.client.post("/v1/images/generations", json=body)
    assert answer.status_code == 200, answer.text
    if body.get("stream"):
        assert answer.text.count("event: image_generation.partial_image") == 3
        assert answer.text.count("event: image_generation.completed") == 1
        return
    made = ImagesResponse.model_validate_json(answer.content)
    assert made.model == "fashion"
    assert len(made.data) + sum(made.left_out.values()) == body.get("n", 1)


def test_the_page_on_clients_of_openai_runs_as_it_is(
    embedded: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "openai.md").read_text()
    blocks = PYTHON.findall(page.replace("http://127.0.0.1:8000", embedded.url))
    assert len(blocks) == 4
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    names["client"].close()
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in said[:4]] == ["True"] * 4, "confidence holds"
    kept, left_out = said[4].split(" ", 1)
    assert int(kept) + literal_eval(left_out)["dropped"] == 8
    assert [line.split()[0] for line in said[6:10]] == ["0", "1", "2", "finished"]
    assert said[10].startswith("prompt Error code: 400 - prompt: no class 'sneakr'; choose from")


@pytest.mark.parametrize("name", EDITS)
def test_examples_of_edits_run_on_a_handle(embedded: Server, name: str) -> None:
    condition, sampler = {"label": 3}, {"method": "euler", "steps": 8}
    made = embedded.generate(condition=condition, sampler=sampler, rewind={})
    body = {**EDITS[name]["value"], "handle": made["samples"][0]["handle"]["id"]}
    answer = embedded.client.post("/v1/edit", json=body)
    assert answer.status_code == 200, answer.text
    edited = EditResponse.model_validate_json(answer.content)
    assert [sample.parent for sample in edited.samples] == [body["handle"]] * len(edited.samples)


@pytest.mark.parametrize("name", INVERSIONS)
def test_examples_of_inversions_run_as_they_are(embedded: Server, name: str) -> None:
    answer = embedded.client.post("/v1/invert", json=INVERSIONS[name]["value"])
    assert answer.status_code == 200, answer.text
    GenerateResponse.model_validate_json(answer.content)


@pytest.mark.parametrize(
    "body",
    [
        {"model": "points", "confidence": {"profile": True, "map": True}},
        {"model": "icons", "n": 2, "condition": {"label": 1}, "filter": {"min": 0.5}},
        {"filter": {"by": "uncertainty", "max": 0, "action": "drop"}},
    ],
    ids=str,
)
def test_answers_fit_their_schema(server: Server, body: dict[str, Any]) -> None:
    """The schema forbids unknown fields, so this also finds answers that say too much."""
    GenerateResponse.model_validate_json(server.client.post("/v1/generate", json=body).content)


def test_the_list_of_models_fits_its_schema(server: Server) -> None:
    ModelList.model_validate_json(server.client.get("/v1/models").content)


def test_errors_are_declared_as_problem_documents(server: Server) -> None:
    paths = document(server)["paths"]
    assert set(paths) == {
        "/v1/generate",
        "/v1/edit",
        "/v1/invert",
        "/v1/images/generations",
        "/v1/handles",
        "/v1/handles/{id}",
        "/v1/handles/{id}/frames",
        "/v1/jobs",
        "/v1/jobs/{id}",
        "/v1/jobs/{id}/events",
        "/v1/models",
        "/v1/models/{name}",
        "/v1/models/{name}/load",
        "/v1/models/{name}/unload",
        "/v1/models/{name}/calibrate",
        "/health/live",
        "/health/ready",
        "/metrics",
    }
    errors = {
        int(status)
        for path in paths.values()
        for operation in path.values()
        for status in operation["responses"]
        if status >= "400"
    }
    of_other_methods = {405}
    assert errors == {status for status, _ in TITLES.values()} - of_other_methods
    for path, operations in paths.items():
        dialect = dialect_at(path)
        form = "application/problem+json" if dialect is None else "application/json"
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert list(response["content"]) == [form]


def test_errors_have_the_form_of_their_path(server: Server) -> None:
    responses = document(server)["paths"]["/v1/images/generations"]["post"]["responses"]
    assert "422" not in responses, "clients of OpenAI know it as 400"
    schema = responses["400"]["content"]["application/json"]["schema"]["$ref"]
    assert schema.rpartition("/")[2] == "OpenAIError"
    assert "OpenAIError" in document(server)["components"]["schemas"]
    problem = document(server)["paths"]["/v1/generate"]["post"]["responses"]["422"]["content"]
    assert problem["application/problem+json"]["schema"]["$ref"].endswith("/ProblemDocument")


def test_every_operation_owns_up_to_what_any_request_may_meet(server: Server) -> None:
    for path in document(server)["paths"].values():
        for operation in path.values():
            assert {"400", "403", "414", "431", "500"} <= set(operation["responses"])


def test_an_operation_with_a_body_declares_what_a_bad_body_gets(server: Server) -> None:
    with_body = [
        (path, operation)
        for path, operations in document(server)["paths"].items()
        for operation in operations.values()
        if "requestBody" in operation
    ]
    assert len(with_body) >= 5
    for path, operation in with_body:
        unfit = "422" if dialect_at(path) is None else "400"
        missing = {"400", "408", "413", "415", unfit} - set(operation["responses"])
        assert not missing, operation["operationId"]


def test_the_answer_is_declared_in_all_its_forms(server: Server) -> None:
    answer = document(server)["paths"]["/v1/generate"]["post"]["responses"]["200"]["content"]
    assert set(answer) == {
        "application/json",
        "application/x-safetensors",
        "image/png",
        "text/event-stream",
    }


def test_fields_are_described(server: Server) -> None:
    schemas = document(server)["components"]["schemas"]
    assert "lower is surer" in schemas["SampleRecord"]["properties"]["uncertainty"]["description"]
    assert schemas["SamplerOptions"]["additionalProperties"] is False


def test_what_there_is_to_choose_from_is_what_the_families_have(server: Server) -> None:
    schemas = document(server)["components"]["schemas"]
    method = schemas["ConfidenceOptions"]["properties"]["method"]["anyOf"][0]
    scores = [name for each in families().values() for name in each.scores]
    assert method["enum"] == [*dict.fromkeys(scores)]  # those of a flow are those of diffusion
    form = schemas["OutputOptions"]["properties"]["format"]["anyOf"][0]
    assert set(form["enum"]) >= {"png", "npy", "list"}
    assert schemas["SamplerOptions"]["properties"]["method"]["enum"] == [*METHODS]
    sampler = json.dumps(schemas["GenerateRequest"]["properties"]["sampler"])
    operations = json.dumps(schemas["EditRequest"]["properties"]["operations"])
    for family in families().values():
        assert f'"#/components/schemas/{family.sampler.__name__}"' in sampler
        for body in family.operation_bodies.values():
            assert f'"#/components/schemas/{body.__name__}"' in operations
