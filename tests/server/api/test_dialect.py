"""Paths of other protocols, whose errors have their own forms."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Request

from sureflow_server.api.dialect import (
    OPEN_INFERENCE,
    OPENAI,
    Dialect,
    OpenAIError,
    dialect_at,
    dialect_of,
)
from sureflow_server.api.problems import TITLES, Problem


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v2", OPEN_INFERENCE),
        ("/v2/", OPEN_INFERENCE),
        ("/v2/models/a/infer", OPEN_INFERENCE),
        ("/v2x", None),
        ("/v1/images", OPENAI),
        ("/v1/images/generations", OPENAI),
        ("/v1/imagesx", None),
        ("/v1/generate", None),
        ("/", None),
        ("", None),
    ],
)
def test_the_path_decides(path: str, dialect: Dialect | None) -> None:
    assert dialect_at(path) is dialect


@pytest.mark.parametrize("root", ["", "/a", "/a/", "/v2"])
def test_wherever_a_proxy_has_it_begin(root: str) -> None:
    scope: dict[str, Any] = {"type": "http", "headers": [], "query_string": b""}
    prefix = root.rstrip("/")

    def spoken(path: str) -> Dialect | None:
        return dialect_of(Request({**scope, "root_path": root, "path": f"{prefix}{path}"}))

    assert spoken("/v2/models") is OPEN_INFERENCE
    assert spoken("/v1/images/generations") is OPENAI
    assert spoken("/v1/generate") is None


@pytest.mark.parametrize("kind", TITLES)
def test_every_problem_can_be_told_to_clients_of_openai(kind: str) -> None:
    problem = Problem(kind, "what is wrong", [("n", "is wrong"), ("seed", "is wrong, too")])
    told = OpenAIError.model_validate(OPENAI.error(problem.failure)).error
    assert (told.message, told.param, told.code) == ("what is wrong", "n", kind)
    status = OPENAI.status(problem.failure)
    assert status == (400 if problem.status_code == 422 else problem.status_code)
    assert (told.type == "server_error") == (status >= 500)
    assert (told.type == "rate_limit_error") == (status == 429)
    nameless = OPENAI.error(Problem(kind, "what is wrong").failure)
    assert nameless["error"]["param"] is None
