"""The OpenAPI document tells the truth."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sureflow.core.family import families
from sureflow.families.flow.tableau import METHODS
from sureflow_server.api.dialect import dialect_at
from sureflow_server.api.model_record import ModelList
from sureflow_server.api.problems import TITLES
from sureflow_server.api.responses import GenerateResponse
from tests.server.running import Server


def document(server: Server) -> dict[str, Any]:
    answer: dict[str, Any] = server.client.get("/openapi.json").json()
    return answer


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
        "/v1/models/{name}/review",
        "/v1/models/{name}/review/refit",
        "/v1/verdicts",
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
    codecs = [family.codec for family in families().values()]
    alone = {codec.media_types[form] for codec in codecs for form in codec.standalone}
    assert alone >= {"chemical/x-cif", "chemical/x-daylight-smiles", "image/png", "text/csv"}
    common = {"application/json", "application/x-safetensors", "text/event-stream"}
    assert set(answer) == alone | common


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
