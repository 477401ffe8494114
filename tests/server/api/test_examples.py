"""The examples of the OpenAPI document, and of the page on clients of OpenAI, run as they are."""

from __future__ import annotations

import re
from ast import literal_eval
from typing import Any

import pytest

from sureflow_server.api.examples import EDITS, IMAGES, INVERSIONS, REQUESTS
from sureflow_server.api.openai.image_record import ImagesResponse
from sureflow_server.api.responses import EditResponse, GenerateResponse
from tests.server.running import ROOT, Server

PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", REQUESTS)
def test_examples_run_as_they_are(embedded: Server, name: str) -> None:
    document = embedded.client.get("/openapi.json").json()
    operation = document["paths"]["/v1/generate"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    assert set(examples) == set(REQUESTS)
    body = examples[name]["value"]
    answer = embedded.generate(**body)
    filter = body.get("filter", {})
    if "accept" in filter:
        taken = [sample["decision"]["action_taken"] for sample in answer["samples"]]
        assert taken.count("accepted") == filter["accept"] < len(taken)
    elif "any_good" in filter:
        assert answer["selection"]["any_good"] >= filter["any_good"]
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
