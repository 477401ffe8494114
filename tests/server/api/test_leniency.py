"""Requests that mean what there is, and say it a little differently."""

from __future__ import annotations

import gzip
import json
from urllib.parse import urljoin

import pytest

from sureflow_server.api.access import ACCESS
from tests.server.running import Server

PATHS = sorted(
    path.replace("{}", "points")
    for method, path in (*ACCESS, ("GET", "/openapi.json"), ("GET", "/llms.txt"))
    if path.count("{}") < 2 and not path.endswith(("load", "job"))
)
READ = (
    "/health/live",
    "/health/ready",
    "/metrics",
    "/v1/models",
    "/v1/models/points",
    "/v1/jobs",
    "/v2",
    "/v2/health/ready",
    "/v2/models/points",
    "/openapi.json",
    "/docs",
)


@pytest.mark.parametrize("path", READ)
def test_head_is_get_without_a_body(server: Server, path: str) -> None:
    got, head = server.client.get(path), server.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


def test_head_of_what_there_is_not(server: Server) -> None:
    for path in ("/v1/handles/hdl_1", "/v1/models/nobody", "/absent"):
        head = server.client.head(path)
        assert (head.status_code, head.content) == (404, b"")
    refused = server.client.put("/v1/models")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
    assert server.client.head("/v1/generate").status_code == 405


@pytest.mark.parametrize("path", PATHS)
def test_a_slash_at_the_end_does_not_matter(server: Server, path: str) -> None:
    for method in ("GET", "POST"):
        plain, slashed = (
            server.client.request(method, each, json={"n": 0} if method == "POST" else None)
            for each in (path, f"{path}/")
        )
        assert plain.status_code == slashed.status_code
        assert plain.status_code != 404 or "handles" in path or "jobs" in path


def test_a_job_of_a_path_with_a_slash_is_found(server: Server) -> None:
    for path in ("/v1/generate", "/v1/generate/", "/generate", "/generate/"):
        begun = server.client.post(
            path, json={"sampler": {"steps": 1}}, headers={"Prefer": "respond-async"}
        )
        where = urljoin(str(begun.url), begun.headers["Location"])
        assert server.client.get(where).json()["id"] == begun.json()["id"]


@pytest.mark.parametrize("path", ["/v1/generate", "/v1/invert", "/edit", "/v2/models/points/infer"])
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd, gzip"])
def test_a_compressed_body_is_refused_by_name(server: Server, path: str, coding: str) -> None:
    """Below /v1 it was no JSON."""
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    body = gzip.compress(json.dumps({"n": 1}).encode())
    response = server.client.post(path, content=body, headers=headers)
    assert response.status_code == 415
    assert f"Content-Encoding is {coding}; send the body as it is" in response.text


def test_a_body_that_is_not_compressed_may_say_so(server: Server) -> None:
    headers = {"Content-Encoding": "identity"}
    body = {"sampler": {"steps": 1}}
    assert server.client.post("/v1/generate", json=body, headers=headers).status_code == 200
