"""The client's models agree with the document that the running server publishes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, ValidationError
from pydantic import BaseModel

from sureflow_client import (
    Asked,
    AtCommit,
    AtStep,
    AtTime,
    Calibration,
    Certificate,
    Check,
    Client,
    Condition,
    CurvePoint,
    Decision,
    EditResult,
    Filter,
    Frame,
    Guide,
    Handle,
    HandleLink,
    Inpaint,
    Interval,
    Job,
    JobSummary,
    LaneProgress,
    Model,
    Needed,
    Proposed,
    Refit,
    Resample,
    Result,
    Review,
    Rewind,
    Sample,
    Selection,
    Trajectory,
    Uncertain,
    UnexpectedResponse,
    Usage,
    VerdictsKept,
    View,
    Withdrawn,
)
from sureflow_client._exceptions import FieldError
from sureflow_client._handle import HandlePage
from sureflow_client._job import JobCounts, JobList, JobProgress
from sureflow_client._model import ModelList
from sureflow_client._request import edit_body, generate_body, invert_body

Schema = dict[str, Any]

ANYTHING = frozenset({"anything"})


@pytest.fixture(scope="module")
def document(server: str) -> Schema:
    published: Schema = httpx.get(f"{server}/openapi.json").json()
    return published


class Reader:
    """Reads the schemas of one document, following its references."""

    def __init__(self, document: Schema) -> None:
        self.document = document

    def resolve(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            place: Any = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                place = place[part]
            schema = place
        return schema

    def variants(self, schema: Schema) -> list[Schema]:
        schema = self.resolve(schema)
        if "anyOf" not in schema:
            return [schema]
        return [leaf for variant in schema["anyOf"] for leaf in self.variants(variant)]

    def types(self, schema: Schema) -> frozenset[str]:
        found = {variant.get("type") for variant in self.variants(schema)}
        return ANYTHING if None in found else frozenset(str(name) for name in found)

    def variant(self, schema: Schema, name: str) -> Schema:
        return next(leaf for leaf in self.variants(schema) if leaf.get("type") == name)


def complaints(mine: Reader, my_schema: Schema, theirs: Reader, their_schema: Schema) -> list[str]:
    """Return why values of the server's schema would not fit the client's."""
    promised = theirs.types(their_schema)
    understood = mine.types(my_schema)
    if promised == ANYTHING or understood == ANYTHING:
        return []
    if "number" in understood:
        understood |= {"integer"}
    if not promised <= understood:
        return [f": the server may send {sorted(promised)}, the client reads {sorted(understood)}"]
    found = []
    if "array" in promised:
        mine_items = mine.variant(my_schema, "array").get("items", {})
        theirs_items = theirs.variant(their_schema, "array").get("items", {})
        found += [f"[]{c}" for c in complaints(mine, mine_items, theirs, theirs_items)]
    if "object" in promised:
        my_object = mine.variant(my_schema, "object")
        found += _members(mine, my_object, theirs, theirs.variant(their_schema, "object"))
    return found


def _members(mine: Reader, my_object: Schema, theirs: Reader, their_object: Schema) -> list[str]:
    offered = their_object.get("properties", {})
    found = [
        f".{name}: the server may leave it out"
        for name in set(my_object.get("required", ())) - set(their_object.get("required", ()))
    ]
    for name, schema in my_object.get("properties", {}).items():
        if name not in offered:
            found.append(f".{name}: the server has no such member")
        else:
            found += [f".{name}{c}" for c in complaints(mine, schema, theirs, offered[name])]
    return found


def answer_schema(document: Schema, method: str, path: str, status: str = "200") -> Schema:
    answers = document["paths"][path][method]["responses"]
    content: Schema = answers[status]["content"]
    schema: Schema = content["application/json"]["schema"]
    return schema


@pytest.mark.parametrize(
    ("answer", "method", "path"),
    [
        (Result, "post", "/v1/generate"),
        (EditResult, "post", "/v1/edit"),
        (Result, "post", "/v1/invert"),
        (Handle, "get", "/v1/handles/{id}"),
        (HandlePage, "get", "/v1/handles"),
        (Trajectory, "get", "/v1/handles/{id}/frames"),
        (ModelList, "get", "/v1/models"),
        (Model, "get", "/v1/models/{name}"),
        (Model, "post", "/v1/models/{name}/load"),
        (Model, "post", "/v1/models/{name}/unload"),
        (JobList, "get", "/v1/jobs"),
        (Job, "get", "/v1/jobs/{id}"),
        (Review, "get", "/v1/models/{name}/review"),
        (Review, "post", "/v1/models/{name}/review"),
        (VerdictsKept, "post", "/v1/verdicts"),
    ],
)
def test_answers_fit_the_published_schemas(
    answer: type[BaseModel], method: str, path: str, document: Schema
) -> None:
    mine = answer.model_json_schema(mode="validation")
    theirs = answer_schema(document, method, path)
    assert complaints(Reader(mine), mine, Reader(document), theirs) == []


@pytest.mark.parametrize("route", ["generate", "edit", "invert"])
def test_what_goes_on_alone_fits_the_published_schema(route: str, document: Schema) -> None:
    mine = Job.model_json_schema(mode="validation")
    theirs = answer_schema(document, "post", f"/v1/{route}", "202")
    assert complaints(Reader(mine), mine, Reader(document), theirs) == []


def test_disagreements_are_found(document: Schema) -> None:
    class Misread(BaseModel):
        id: int
        model: str | None
        seed: float
        novelty: str
        samples: list[str]

    mine = Misread.model_json_schema()
    theirs = answer_schema(document, "post", "/v1/generate")
    found = complaints(Reader(mine), mine, Reader(document), theirs)
    assert {complaint.split(":")[0] for complaint in found} == {".id", ".novelty", ".samples[]"}


def test_no_member_of_an_answer_is_left_unread(document: Schema) -> None:
    for answer, name in (
        (Result, "GenerateResponse"),
        (EditResult, "EditResponse"),
        (Sample, "SampleRecord"),
        (Decision, "DecisionRecord"),
        (HandleLink, "HandleLink"),
        (Handle, "HandleRecord"),
        (Asked, "AskedRecord"),
        (HandlePage, "HandleList"),
        (Frame, "FrameRecord"),
        (Trajectory, "FramesRecord"),
        (View, "View"),
        (Usage, "Usage"),
        (Selection, "SelectionRecord"),
        (Model, "ModelRecord"),
        (Job, "JobRecord"),
        (JobSummary, "JobSummary"),
        (JobList, "JobList"),
        (JobProgress, "JobProgress"),
        (JobCounts, "JobCounts"),
        (LaneProgress, "LaneProgress"),
        (Calibration, "CalibrationResponse"),
        (Check, "CheckRecord"),
        (Refit, "RefitResponse"),
        (Interval, "IntervalRecord"),
        (Review, "ReviewRecord"),
        (Proposed, "ProposedSample"),
        (CurvePoint, "CurvePoint"),
        (Needed, "Needed"),
        (Certificate, "CertificateRecord"),
        (VerdictsKept, "VerdictsResponse"),
        (Withdrawn, "WithdrawnRecord"),
    ):
        offered = set(document["components"]["schemas"][name]["properties"])
        if answer is Model:  # what clients of OpenAI know it by
            offered -= set(document["components"]["schemas"]["OpenAIModel"]["properties"])
        assert offered == set(answer.model_fields), name


SAMPLING: Any = {
    "method": "heun",
    "tolerance": 0.1,
    "min_steps": 2,
    "max_steps": 9,
    "score": "propagated",
    "also": ["trajectory"],
    "profile": True,
    "map": True,
    "rewind": {"keep": [0.0, 0.5], "ttl_s": 60},
    "deadline_s": 9.0,
    "priority": 1,
    "output": "npy",
}
FILTER: Filter = {"by": "confidence", "min": 0.0, "action": "drop"}
MASK = [1.0, 0.0]
OPERATIONS = (
    Resample(0.5),
    Resample(region=Uncertain(0.2)),
    Resample(region=MASK),
    Condition(3, 1.5),
    Condition("Coat"),
    Inpaint(MASK),
    Inpaint(MASK, [0.5, 0.5], 2),
    Guide("mask", [0.5, 0.5], 2.0, MASK),
    Guide("score"),
    Condition(arrays={"properties": MASK}),
)


def bodies() -> list[tuple[str, dict[str, Any]]]:
    plain: Any = {**SAMPLING, "tolerance": None, "min_steps": None, "max_steps": None}
    ahead: Any = {"grid": "fitted", "parallel": 2, "parallel_tolerance": 0.1, "steps": 4}
    return [
        ("generate", generate_body("fashion", 1, label=3, guidance=1.0, filter=FILTER, **SAMPLING)),
        ("generate", generate_body("fashion", 1, **{**plain, **ahead, "method": "euler"})),
        ("generate", generate_body("fashion", 1, label=3, condition={"properties": MASK})),
        *[
            ("edit", edit_body("hdl_1", OPERATIONS[:6], at=at, branches=2, keep="best", **SAMPLING))
            for at in (0.5, "commit", AtTime(0.2), AtStep(3), AtCommit(2, -0.1))
        ],
        ("edit", edit_body("hdl_1", OPERATIONS[6:])),
        ("edit", edit_body("hdl_1", filter=FILTER, require_exact=True)),
        ("invert", invert_body([MASK], "ring", label=3, guidance=1.0, **SAMPLING)),
        ("invert", invert_body([MASK], "ring", condition={"properties": MASK})),
    ]


@pytest.mark.parametrize(("route", "body"), bodies())
def test_requests_are_valid_by_the_published_schema(
    route: str, body: dict[str, Any], document: Schema
) -> None:
    content = document["paths"][f"/v1/{route}"]["post"]["requestBody"]["content"]
    _validate(content["application/json"]["schema"], document, body)


def test_requests_that_are_not_valid_are_found(document: Schema) -> None:
    content = document["paths"]["/v1/edit"]["post"]["requestBody"]["content"]
    schema = content["application/json"]["schema"]
    for wrong in ({"handle": 3}, {"handle": "h", "at": {"step": -1}}, {"handle": "h", "x": 1}):
        with pytest.raises(ValidationError):
            _validate(schema, document, wrong)


def _validate(schema: Schema, document: Schema, body: dict[str, Any]) -> None:
    whole = {**schema, "components": document["components"]}
    Draft202012Validator(whole).validate(body)


@pytest.mark.parametrize(
    ("operation", "name"),
    [(Resample, "Resample"), (Condition, "Condition"), (Inpaint, "Inpaint"), (Guide, "Guide")],
)
def test_operations_have_the_published_members(
    operation: type, name: str, document: Schema
) -> None:
    published = document["components"]["schemas"][f"{name}Operation"]["properties"]
    assert {field.name for field in fields(operation)} == set(published) - {"type"}


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (lambda client: client.handles(5), "/v1/handles"),
        (lambda client: client.handle("hdl_1", output="npy"), "/v1/handles/{id}"),
        (lambda client: client.frames("hdl_1", [0.5]), "/v1/handles/{id}/frames"),
        (lambda client: client.jobs.list(5), "/v1/jobs"),
        (
            lambda client: client.review("m", scores=True, edit={"step": 1}, output="npy"),
            "/v1/models/{name}/review",
        ),
        (lambda client: client.verdicts("m"), "/v1/verdicts"),
    ],
)
def test_queries_have_the_published_parameters(
    ask: Callable[[Client], object], path: str, document: Schema
) -> None:
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"handles": [], "next": 7 if len(sent) == 1 else None})

    with Client(transport=httpx.MockTransport(handler)) as client, suppress(UnexpectedResponse):
        ask(client)
    offered = document["paths"][path]["get"]["parameters"]
    assert {*sent[-1].url.params} == {one["name"] for one in offered if one["in"] == "query"}


def test_every_route_has_a_call(document: Schema) -> None:
    known = {
        ("POST", "/v1/generate"),
        ("POST", "/v1/edit"),
        ("POST", "/v1/invert"),
        ("GET", "/v1/handles"),
        ("GET", "/v1/handles/{id}"),
        ("DELETE", "/v1/handles/{id}"),
        ("GET", "/v1/handles/{id}/frames"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{name}"),
        ("POST", "/v1/models/{name}/load"),
        ("POST", "/v1/models/{name}/unload"),
        ("POST", "/v1/models/{name}/calibrate"),
        ("GET", "/v1/models/{name}/review"),
        ("POST", "/v1/models/{name}/review"),
        ("POST", "/v1/models/{name}/review/refit"),
        ("GET", "/v1/verdicts"),
        ("POST", "/v1/verdicts"),
        ("GET", "/v1/jobs"),
        ("GET", "/v1/jobs/{id}"),
        ("DELETE", "/v1/jobs/{id}"),
        ("GET", "/v1/jobs/{id}/events"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
        ("GET", "/metrics"),
    }
    published = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    others = {("POST", "/v1/images/generations")}  # for clients of OpenAI
    assert published == known | others


def test_typed_options_are_the_published_ones(document: Schema) -> None:
    schemas = document["components"]["schemas"]
    assert set(Filter.__annotations__) == set(schemas["FilterOptions"]["properties"])
    assert set(Rewind.__annotations__) == set(schemas["RewindOptions"]["properties"])


def test_problems_have_the_members_that_the_client_reads(document: Schema) -> None:
    schemas = document["components"]["schemas"]
    read = {"type", "title", "status", "detail", "request_id", "errors"}
    assert read <= set(schemas["ProblemDocument"]["properties"])
    assert set(FieldError.__annotations__) == set(schemas["FieldError"]["properties"])
