"""The table of who may do what, on a server that really asks for keys."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute

from sureflow_client import (
    AuthenticationError,
    Client,
    LimitExceeded,
    PermissionDenied,
    Retry,
)
from sureflow_server import mcp
from sureflow_server.api import docs
from sureflow_server.api.access import ACCESS, Guarded, caller, owner
from sureflow_server.api.dialect import OPENAI, dialect_at
from sureflow_server.app import create_app
from sureflow_server.engine.account import Limits
from sureflow_server.keys.file import changing
from sureflow_server.keys.key import SCOPES
from sureflow_server.keys.ring import KeyRing
from sureflow_server.keys.token import key_id, mint
from sureflow_server.settings import Settings
from tests.server.asking import place
from tests.server.conftest import Guarded as GuardedServer
from tests.server.conftest import add_key
from tests.server.running import PATIENCE_S, Server, eventually

EXPECTED = {
    ("GET", "/health/live"): set(),
    ("GET", "/health/ready"): set(),
    ("GET", "/metrics"): {"metrics", "admin"},
    ("POST", "/generate"): {"generate"},
    ("POST", "/v1/generate"): {"generate"},
    ("POST", "/v1/images/generations"): {"generate"},
    ("GET", "/v1/models"): {"generate", "edit", "review", "metrics", "admin"},
    ("GET", "/v1/models/{}"): {"generate", "edit", "review", "metrics", "admin"},
    ("GET", "/v1/models/{}/review"): {"review", "admin"},
    ("POST", "/v1/models/{}/review"): {"review", "admin"},
    ("POST", "/v1/models/{}/review/refit"): {"admin"},
    ("GET", "/v1/verdicts"): {"review", "admin"},
    ("POST", "/v1/verdicts"): {"review"},
    ("POST", "/v1/models/{}/load"): {"admin"},
    ("POST", "/v1/models/{}/unload"): {"admin"},
    ("POST", "/v1/models/{}/calibrate"): {"admin"},
    ("POST", "/edit"): {"edit"},
    ("POST", "/v1/edit"): {"edit"},
    ("POST", "/invert"): {"edit"},
    ("POST", "/v1/invert"): {"edit"},
    ("GET", "/v1/handles"): {"generate", "edit"},
    ("GET", "/v1/handles/{}"): {"generate", "edit"},
    ("DELETE", "/v1/handles/{}"): {"generate", "edit"},
    ("GET", "/v1/handles/{}/frames"): {"generate", "edit"},
    ("GET", "/v1/jobs"): {"generate", "edit", "admin"},
    ("GET", "/v1/jobs/{}"): {"generate", "edit", "admin"},
    ("DELETE", "/v1/jobs/{}"): {"generate", "edit", "admin"},
    ("GET", "/v1/jobs/{}/events"): {"generate", "edit", "admin"},
}
"""Written down anew, so that a slip in the table of the server shows. Those of the Open Inference
Protocol are not here: their errors have another form."""

DONE = {200, 404, 422}
"""What comes of a request that is let in: there is nothing called `none`, and what is sent is
neither an edit nor an inversion."""

NOT_JSON: dict[str, Any] = {"content": b"{", "headers": {"Content-Type": "application/json"}}


def routes(router: Any) -> Iterator[Any]:
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        yield from routes(inner) if inner is not None else (route,)


def declared() -> list[tuple[str, str]]:
    """Method and path of every route of the application."""
    found = [route for route in routes(create_app(Settings())) if isinstance(route, APIRoute)]
    return sorted((method, route.path) for route in found for method in route.methods)


def bad_token(guarded: GuardedServer, name: str) -> str | None:
    good = guarded.tokens["all"]
    return {
        "none": None,
        "junk": "x",
        "unknown": mint()[1],
        "secret": good[:-1] + ("a" if good[-1] != "a" else "b"),
        "id alone": key_id(good),
        "cut": good[:-1],
        "more": good + "a",
        "expired": guarded.tokens["expired"],
        "revoked": guarded.tokens["revoked"],
    }[name]


BAD = (
    "none",
    "junk",
    "unknown",
    "secret",
    "id alone",
    "cut",
    "more",
    "expired",
    "revoked",
)


def test_every_route_is_guarded_or_shows_the_document() -> None:
    viewer = {f"/docs/{name}" for name in docs.FILES}
    open_pages = {"/openapi.json", "/docs", "/docs/", "/llms.txt", *viewer}
    for route in routes(create_app(Settings())):
        assert isinstance(route, Guarded) or route.path in open_pages, route.path


def blank(path: str) -> str:
    """A path without the names of its parameters."""
    return re.sub(r"{[^}]*}", "{}", path)


def test_every_route_of_the_server_is_in_this_test() -> None:
    listed = {(method, blank(path)) for method, path in declared() if path[:3] != "/v2"}
    assert listed == set(EXPECTED)


def test_a_route_without_a_row_cannot_be_declared() -> None:
    router = APIRouter(route_class=Guarded)
    with pytest.raises(KeyError, match="/v1/secret"):
        router.get("/v1/secret/{name}")(lambda: None)


def told(response: httpx.Response, path: str) -> tuple[str, str]:
    """Kind and detail of an error, in the form of its path."""
    said = response.json()
    if dialect_at(path) is OPENAI:
        assert response.headers["content-type"] == "application/json"
        return said["error"]["code"], said["error"]["message"]
    assert response.headers["content-type"] == "application/problem+json"
    return said["type"].removeprefix("urn:sureflow:problem:"), said["detail"]


@pytest.mark.parametrize(("method", "path"), EXPECTED)
@pytest.mark.parametrize("scope", SCOPES)
def test_the_scope_decides(guarded: GuardedServer, method: str, path: str, scope: str) -> None:
    needed = EXPECTED[method, path]
    body: dict[str, Any] = {"json": {"model": "points"}} if method == "POST" else {}
    url = path.replace("{}", "none")
    response = guarded.request(method, url, guarded.tokens[scope], **body)
    if dialect_at(path) is OPENAI and scope in needed:
        assert told(response, path)[0] == "validation", "that model makes no images"
        return
    if not needed or scope in needed:
        assert response.status_code in DONE, response.text
        assert response.status_code != 404 or url != path
        return
    assert response.status_code == 403
    kind, detail = told(response, path)
    assert kind == "forbidden"
    assert all(name in detail for name in needed)
    assert key_id(guarded.tokens[scope]) in detail
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


@pytest.mark.parametrize(("method", "path"), EXPECTED)
@pytest.mark.parametrize("name", BAD)
def test_without_a_good_key_nothing_is_done(
    guarded: GuardedServer, method: str, path: str, name: str
) -> None:
    token = bad_token(guarded, name)
    body = NOT_JSON if method == "POST" else {}
    response = guarded.request(method, path.replace("{}", "none"), token, **body)
    if not EXPECTED[method, path]:
        assert response.status_code == 200
        return
    assert response.status_code == 401, "before the body is looked at"
    kind, detail = told(response, path)
    assert kind == "unauthorized"
    assert response.headers["www-authenticate"].startswith('Bearer realm="sureflow"')
    if token:
        assert token not in response.text
    words = [word for word in ("expired", "revoked") if word in detail]
    assert words == ([name] if name in ("expired", "revoked") else [])


def test_the_table_has_a_row_for_every_route_and_no_other() -> None:
    real = {(method, blank(path)) for method, path in declared()}
    assert real | {("POST", mcp.PATH)} == set(ACCESS)
    assert all(set(scopes) <= set(SCOPES) for scopes in ACCESS.values())
    assert ACCESS["POST", "/v1/models/{}/load"] == ("admin",)
    assert ACCESS["POST", "/v1/edit"] == ACCESS["POST", "/v1/invert"] == ("edit",)


@pytest.mark.parametrize(
    "values",
    [["Basic dTpw"], ["Bearer"], ["{token}"], ["Bearer {token}", "Bearer {token}"]],
    ids=str,
)
def test_the_header_must_be_right(guarded: GuardedServer, values: list[str]) -> None:
    sent = [("Authorization", value.format(token=guarded.tokens["all"])) for value in values]
    response = httpx.get(f"{guarded.server.url}/v1/models", headers=sent)
    assert response.status_code == 401


def test_the_scheme_is_read_in_any_case(guarded: GuardedServer) -> None:
    headers = {"Authorization": f"bEaReR  {guarded.tokens['all']}"}
    assert guarded.request("GET", "/v1/models", None, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/generate/",
        "//v1/generate",
        "/v1/./generate",
        "/V1/GENERATE",
        "/v1/generate%20",
        "/v1/%67enerate/",
    ],
)
def test_no_other_spelling_gets_around_it(guarded: GuardedServer, path: str) -> None:
    connection = HTTPConnection(guarded.server.url.removeprefix("http://"), timeout=PATIENCE_S)
    with closing(connection):
        connection.request("POST", path, "{}", {"Content-Type": "application/json"})
        assert connection.getresponse().status in (401, 404)


def test_head_and_options_show_nothing(guarded: GuardedServer) -> None:
    assert guarded.request("HEAD", "/v1/models", None).status_code == 401
    for method in ("OPTIONS", "PUT", "TRACE"):
        response = guarded.request(method, "/v1/models", None)
        assert response.status_code == 405


def test_the_document_names_the_scopes(guarded: GuardedServer, server: Server) -> None:
    document = guarded.request("GET", "/openapi.json", None).json()
    scheme = document["components"]["securitySchemes"]["api_key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            wanted = EXPECTED[method.upper(), blank(path)]
            named = {scope for way in operation.get("security", []) for scope in way["api_key"]}
            assert named == wanted
            assert {"401", "403"} <= set(operation["responses"]) or not wanted
    keyless = server.client.get("/openapi.json").json()["paths"]["/v1/generate"]["post"]
    assert keyless["security"][-1] == {}


def test_a_server_without_keys_ignores_them(server: Server) -> None:
    headers = {"Authorization": "Bearer nonsense"}
    assert server.client.get("/v1/models", headers=headers).status_code == 200


def test_keys_come_and_go_while_the_server_runs(guarded: GuardedServer) -> None:
    token = add_key(guarded.file, "generate")
    assert guarded.request("GET", "/v1/models", token).status_code == 200
    with changing(guarded.file) as keys:
        place = next(place for place, key in enumerate(keys) if key.id == key_id(token))
        keys[place] = keys[place].model_copy(update={"revoked_at": keys[place].created_at})
    response = guarded.request("GET", "/v1/models", token)
    assert response.status_code == 401
    assert "revoked" in response.json()["detail"]


def test_a_damaged_file_locks_nobody_out(guarded: GuardedServer) -> None:
    good = guarded.file.read_bytes()
    try:
        guarded.file.write_bytes(good[: len(good) // 2])
        assert guarded.request("GET", "/v1/models", guarded.tokens["all"]).status_code == 200
        assert guarded.request("GET", "/v1/models", guarded.tokens["revoked"]).status_code == 401
        eventually(lambda: any("the API keys stay as they were" in x for x in guarded.server.log))
    finally:
        guarded.file.write_bytes(good)


def test_the_rate_of_a_key(guarded: GuardedServer) -> None:
    assert guarded.generate("slow", n=2).status_code == 200
    response = guarded.generate("slow")
    assert response.status_code == 429
    assert response.json()["type"] == "urn:sureflow:problem:rate-exceeded"
    exact = int(response.headers["retry-after-ms"])
    assert 0 < exact <= 2_000_000
    assert int(response.headers["retry-after"]) == -(-exact // 1000)
    assert guarded.generate("generate").status_code == 200, "others have rates of their own"


def test_the_quota_of_a_key(guarded: GuardedServer) -> None:
    never = {"by": "uncertainty", "max": -1e9, "accept": 4, "max_attempts": 256}
    long = {"sampler": {"steps": 1000}, "filter": {**never, "action": "regenerate"}}
    token = guarded.tokens["narrow"]
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    client = guarded.server.client
    with client.stream("POST", "/v1/generate", json=long, headers=headers) as response:
        texts = response.iter_text()
        assert "queued" in next(texts)
        refused = guarded.generate("narrow")
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:sureflow:problem:quota-exceeded"
        assert int(refused.headers["retry-after-ms"]) > 0
        assert guarded.generate("generate").status_code == 200
    eventually(lambda: guarded.generate("narrow", n=4).status_code == 200)


def test_more_than_the_quota_is_not_to_be_tried_again(guarded: GuardedServer) -> None:
    response = guarded.generate("narrow", n=5)
    assert response.status_code == 422
    problem = response.json()
    assert problem["type"] == "urn:sureflow:problem:too-many-samples"
    assert problem["errors"][0]["field"] == "n"
    assert "retry-after" not in response.headers


@pytest.mark.parametrize("field", ["branches", "samples"])
def test_the_quota_names_the_field_that_counts(guarded: GuardedServer, field: str) -> None:
    token = add_key(guarded.file, *SCOPES, max_samples_in_flight=2)
    made = guarded.request("POST", "/v1/generate", token, json={"rewind": {}}).json()
    handle = made["samples"][0]["handle"]["id"]
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "branches": (
            "/v1/edit",
            {"handle": handle, "operations": [{"type": "resample"}], "branches": 3},
        ),
        "samples": ("/v1/invert", {"samples": [[0.0, 1.0]] * 3}),
    }
    path, body = bodies[field]
    response = guarded.request("POST", path, token, json=body)
    assert response.status_code == 422
    assert response.json()["type"] == "urn:sureflow:problem:too-many-samples"
    assert response.json()["errors"][0]["field"] == field


def test_the_client_tells_the_refusals_apart(guarded: GuardedServer) -> None:
    url = guarded.server.url
    with Client(url, api_key=guarded.tokens["generate"]) as client:
        assert len(client.generate("points", n=2)) == 2
    editor = Client(url, api_key=guarded.tokens["edit"])
    with editor, pytest.raises(PermissionDenied, match="lacks the scope generate"):
        editor.generate("points")
    nobody = Client(url)
    with nobody, pytest.raises(AuthenticationError, match="needs an API key"):
        nobody.generate("points")
    token = add_key(guarded.file, "generate", samples_per_minute=0.06)
    with Client(url, api_key=token, retry=Retry(0)) as client:
        client.generate("points")
        with pytest.raises(LimitExceeded) as caught:
            client.generate("points")
    assert 0 < (caught.value.retry_after or 0) <= 1000


def test_tokens_are_not_logged(guarded: GuardedServer) -> None:
    guarded.generate("all")
    guarded.request("GET", "/v1/models", mint()[1])
    log = "".join(guarded.server.log)
    assert "Bearer" not in log
    assert not any(token.rsplit("_", 1)[1] in log for token in guarded.tokens.values())


def test_defaults_hold_for_keys_without_their_own(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    token = add_key(file, "generate", samples_per_minute=5)
    settings = Settings(api_keys_file=file, samples_per_minute=7, max_samples_in_flight=9)
    service = create_app(settings).state.service
    key = service.keys.authenticate(token)
    assert service.accounts.of(key).limits == Limits(5, 9)

    async def of_nobody() -> object:
        async with service.accounts.claim(None, 1) as tally:
            return tally

    assert asyncio.run(of_nobody()) is None


def test_who_is_asking(tmp_path: Path) -> None:
    scope = {"type": "http", "client": ("10.0.0.7", 1), "headers": []}
    keyless, keyed = Request({**scope, "state": {"key": None}}), Request({**scope, "state": {}})
    assert (caller(keyless), owner(keyless)) == ("", "10.0.0.7")
    token = add_key(tmp_path / "keys.json", "generate")
    keyed.state.key = KeyRing(tmp_path / "keys.json").authenticate(token)
    assert caller(keyed) == owner(keyed) == key_id(token)


def test_a_calibration_is_for_administrators_who_may_ask_after_it(guarded: GuardedServer) -> None:
    tokens, path = guarded.tokens, "/v1/models/icons/calibrate"
    assert guarded.request("POST", path, tokens["generate"], json={}).status_code == 403
    body = {"sampler": {"method": "rk4", "steps": 300}, "draws": 20_000}
    begun = guarded.request("POST", path, tokens["admin"], json=body)
    assert begun.status_code == 202, begun.text
    job = place(begun)
    assert guarded.request("GET", job, tokens["admin"]).json()["state"] in ("queued", "running")
    assert guarded.request("GET", job, tokens["generate"]).status_code == 404
    assert guarded.request("DELETE", job, tokens["admin"]).status_code == 204
    eventually(lambda: guarded.request("GET", job, tokens["admin"]).json()["state"] == "cancelled")
