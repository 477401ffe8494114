"""The client's models agree with the document that the running server publishes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from sureflow_client import Model, Result
from sureflow_client._exceptions import FieldError
from sureflow_client._model import ModelList
from sureflow_client._request import Filter, generate_body

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


def answer_schema(document: Schema, method: str, path: str) -> Schema:
    content: Schema = document["paths"][path][method]["responses"]["200"]["content"]
    schema: Schema = content["application/json"]["schema"]
    return schema


@pytest.mark.parametrize(
    ("answer", "method", "path"),
    [
        (Result, "post", "/v1/generate"),
        (ModelList, "get", "/v1/models"),
        (Model, "get", "/v1/models/{name}"),
    ],
)
def test_answers_fit_the_published_schemas(
    answer: type[BaseModel], method: str, path: str, document: Schema
) -> None:
    mine = answer.model_json_schema(mode="validation")
    theirs = answer_schema(document, method, path)
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


def test_requests_say_only_what_the_schema_knows(document: Schema) -> None:
    body = generate_body(
        "fashion",
        1,
        label=3,
        guidance=1.0,
        method="euler",
        steps=2,
        grid="fitted",
        parallel=2,
        parallel_tolerance=0.1,
        profile=True,
        map=True,
        filter={"by": "confidence", "min": 0.0, "max": 1.0, "action": "drop"},
        output="npy",
    )
    reader = Reader(document)
    content = document["paths"]["/v1/generate"]["post"]["requestBody"]["content"]
    _check_request(reader, reader.resolve(content["application/json"]["schema"]), body)


def _check_request(reader: Reader, schema: Schema, body: dict[str, Any]) -> None:
    assert set(body) <= set(schema["properties"])
    for name, value in body.items():
        if isinstance(value, dict):
            part = reader.variant(schema["properties"][name], "object")
            _check_request(reader, part, value)


def test_the_typed_filter_is_the_published_one(document: Schema) -> None:
    published = document["components"]["schemas"]["FilterOptions"]["properties"]
    assert set(Filter.__annotations__) == set(published)


def test_problems_have_the_members_that_the_client_reads(document: Schema) -> None:
    schemas = document["components"]["schemas"]
    read = {"type", "title", "status", "detail", "request_id", "errors"}
    assert read <= set(schemas["ProblemDocument"]["properties"])
    assert set(FieldError.__annotations__) == set(schemas["FieldError"]["properties"])
