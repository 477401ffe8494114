"""Scope x route x owner: what is somebody's own, asked for by everybody else."""

from __future__ import annotations

from typing import Any

import pytest

from sureflow_server.keys.key import SCOPES
from tests.server.api.test_access import EXPECTED, blank, declared
from tests.server.api.test_access import NOT_JSON as MALFORMED
from tests.server.asking import place
from tests.server.conftest import Guarded, add_key

OWNED = {
    ("GET", "/v1/handles"),
    ("GET", "/v1/handles/{}"),
    ("GET", "/v1/handles/{}/frames"),
    ("DELETE", "/v1/handles/{}"),
    ("POST", "/v1/edit"),
    ("GET", "/v1/jobs/{}"),
    ("GET", "/v1/jobs/{}/events"),
    ("DELETE", "/v1/jobs/{}"),
}
"""Routes whose answer depends on whose the thing is that they are about."""

OPEN_INFERENCE = {
    ("GET", "/v2"): {*SCOPES},
    ("GET", "/v2/health/live"): set[str](),
    ("GET", "/v2/health/ready"): set[str](),
    ("POST", "/v2/repository/index"): {*SCOPES},
    ("GET", "/v2/models/points"): {*SCOPES},
    ("GET", "/v2/models/points/ready"): {*SCOPES},
    ("GET", "/v2/models/points/versions/{}"): {*SCOPES},
    ("GET", "/v2/models/points/versions/{}/ready"): {*SCOPES},
    ("POST", "/v2/models/points/infer"): {"generate"},
    ("POST", "/v2/models/points/versions/{}/infer"): {"generate"},
}

ASYNC = {"Prefer": "respond-async"}


def document(guarded: Guarded) -> dict[str, Any]:
    answer: dict[str, Any] = guarded.request("GET", "/openapi.json", None).json()
    return answer


def routes(guarded: Guarded) -> set[tuple[str, str]]:
    """Method and path of every route of the live document."""
    paths = document(guarded)["paths"]
    return {(method.upper(), blank(path)) for path, each in paths.items() for method in each}


def names_something(operation: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Whether the body of an operation has a field for a handle."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = body.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
    return "handle" in schemas.get(reference, {}).get("properties", {})


def test_every_route_of_the_live_document_has_a_row(guarded: Guarded) -> None:
    assert routes(guarded) <= set(EXPECTED)
    aliases = {("POST", "/generate"), ("POST", "/edit"), ("POST", "/invert")}
    assert set(EXPECTED) - routes(guarded) == aliases


def test_every_route_about_what_is_owned_is_tried_here(guarded: Guarded) -> None:
    whole = document(guarded)
    about = {
        (method.upper(), blank(path))
        for path, each in whole["paths"].items()
        for method, operation in each.items()
        if "{id}" in path or names_something(operation, whole["components"]["schemas"])
    }
    assert about | {("GET", "/v1/handles")} == OWNED


def fresh(guarded: Guarded, owner: str, path: str) -> str:
    """Make what a route is about, and return its id."""
    if "/jobs/" in path:
        made = guarded.request("POST", "/v1/generate", owner, json={}, headers=ASYNC)
        return str(place(made).rsplit("/", 1)[1])
    made = guarded.request("POST", "/v1/generate", owner, json={"rewind": {}})
    return str(made.json()["samples"][0]["handle"]["id"])


@pytest.mark.parametrize(("method", "path"), sorted(OWNED))
@pytest.mark.parametrize("asking", ["owner", *SCOPES, "all"])
def test_who_may_do_what_with_it(guarded: Guarded, method: str, path: str, asking: str) -> None:
    """Its owner may; to others with the scope there is none, and the rest may not even ask."""
    scopes = {*SCOPES} if asking in ("owner", "all") else {asking}
    owner = add_key(guarded.file, *SCOPES)
    token = owner if asking == "owner" else add_key(guarded.file, *scopes)
    id = fresh(guarded, owner, path)
    options = {"json": {"handle": id}} if method == "POST" else {}
    answer = guarded.request(method, path.replace("{}", id), token, **options)
    if not scopes & EXPECTED[method, path]:
        assert answer.status_code == 403
    elif asking == "owner":
        assert answer.is_success, answer.text
        assert path != "/v1/handles" or id in answer.text
    elif path == "/v1/handles":
        assert answer.json()["handles"] == []
    else:
        assert answer.status_code == 404, "as if there were none"
    if "/jobs/" in path:
        guarded.request("DELETE", f"/v1/jobs/{id}", owner)


def test_the_open_inference_protocol_has_the_same_keys(guarded: Guarded) -> None:
    """All of its routes, with every scope and without a key."""
    version = guarded.request("GET", "/v1/models/points", guarded.tokens["all"]).json()["version"]
    for (method, path), needed in OPEN_INFERENCE.items():
        url = path.replace("{}", version)
        content = MALFORMED if path.endswith("infer") else {}
        assert guarded.request(method, url, None, **content).status_code == (401 if needed else 200)
        for scope in SCOPES:
            status = guarded.request(method, url, guarded.tokens[scope], **content).status_code
            may = not needed or scope in needed
            assert status == ((400 if content else 200) if may else 403), (method, path, scope)


def test_all_of_its_routes_are_tried() -> None:
    tried = {(method, path.replace("points", "{}")) for method, path in OPEN_INFERENCE}
    ours = {(method, blank(path)) for method, path in declared()}
    assert tried == {(method, path) for method, path in ours if path.startswith("/v2")}
