"""Every body says what it is."""

from __future__ import annotations

import pytest

from sureflow_server.api.access import ACCESS
from tests.server.running import Server

POSTS = [path.replace("{}", "points") for method, path in ACCESS if method == "POST"]
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain")


@pytest.mark.parametrize("path", POSTS)
def test_what_a_form_can_send_is_taken_nowhere(server: Server, path: str) -> None:
    before = server.client.get("/v1/models").json()
    for media_type in (*FORMS, "application/jsonp", "image/png", ""):
        headers = {"Content-Type": media_type}
        response = server.client.post(path, content=b"{}", headers=headers)
        assert response.status_code == 415, media_type
    assert server.client.get("/v1/models").json() == before


@pytest.mark.parametrize("path", [path for path in POSTS if not path.startswith("/v2")])
def test_a_body_without_a_type_is_refused(server: Server, path: str) -> None:
    """The Open Inference Protocol's usual client sends none; no form can do so."""
    assert server.client.post(path, content=b"{}").status_code == 415


def test_two_types_must_both_do(server: Server) -> None:
    both = [("Content-Type", "application/json"), ("Content-Type", "text/plain")]
    assert server.client.post("/v1/generate", content=b"{}", headers=both).status_code == 415


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_taken(server: Server, media_type: str) -> None:
    for path in ("/v1/generate", "/v2/models/points/infer"):
        headers = {"Content-Type": media_type}
        assert server.client.post(path, content=b"{}", headers=headers).status_code == 200
