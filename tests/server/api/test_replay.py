"""Trajectories of other kernels go on nearly as they were, and the answer says so."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from sureflow_server.api.handle_record import FramesRecord
from sureflow_server.api.responses import EditResponse
from tests.server.api.test_edit import edit, icon, same
from tests.server.asking import ASYNC
from tests.server.running import Server, eventually

OTHER = "sha256:" + "0" * 64


def fingerprint_of(data: Path, sample: dict[str, Any]) -> str | None:
    (note,) = _notes(data, "SELECT note FROM handle WHERE id = ?", sample["handle"]["id"])
    found: str | None = json.loads(note).get("fingerprint")
    return found


def made_on(data: Path, sample: dict[str, Any], fingerprint: str | None) -> None:
    """Let a handle say that its trajectory was made on other kernels, or nothing of them."""
    id = sample["handle"]["id"]
    (text,) = _notes(data, "SELECT note FROM handle WHERE id = ?", id)
    note = json.loads(text)
    note.pop("fingerprint")
    if fingerprint is not None:
        note["fingerprint"] = fingerprint
    _notes(data, "UPDATE handle SET note = ? WHERE id = ?", json.dumps(note).encode(), id)


def _notes(data: Path, statement: str, *values: Any) -> list[bytes]:
    (index,) = data.rglob("index.sqlite3")
    with closing(sqlite3.connect(index)) as database, database:
        return [row[0] for row in database.execute(statement, values)]


def ask(server: Server, sample: dict[str, Any], **body: Any) -> httpx.Response:
    return server.client.post("/v1/edit", json={"handle": sample["handle"]["id"], **body})


@pytest.mark.parametrize(
    ("fingerprint", "reason"),
    [(OTHER, "made on other kernels"), (None, "made before kernels were told apart")],
)
def test_a_trajectory_of_other_kernels_goes_on_nearly_as_it_was(
    keeping: Server, kept: Path, fingerprint: str | None, reason: str
) -> None:
    """Its frames are of use all the same: here the kernels are the same ones in truth."""
    sample = icon(keeping, rewind={"keep": [0.0, 0.5]}, sampler={"steps": 10})
    exact = edit(keeping, sample, at={"t": 0.5})
    made_on(kept, sample, fingerprint)
    answer = edit(keeping, sample, at={"t": 0.5})
    EditResponse.model_validate(answer)
    assert answer["replay"] == "approximate"
    (warning,) = answer["warnings"]
    assert reason in warning
    assert answer["samples"] == exact["samples"]
    assert answer["usage"]["evaluations"] == exact["usage"]["evaluations"]

    views = keeping.client.get(f"/v1/handles/{sample['handle']['id']}/frames").json()
    FramesRecord.model_validate(views)
    assert views["replay"] == "approximate"

    refused = ask(keeping, sample, require_exact=True)
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["type"] == "urn:sureflow:problem:replay-approximate"
    assert [error["field"] for error in problem["errors"]] == ["require_exact"]
    assert reason in problem["detail"]


def test_a_job_says_so_too(keeping: Server, kept: Path) -> None:
    sample = icon(keeping)
    made_on(kept, sample, OTHER)
    id = sample["handle"]["id"]
    begun = keeping.client.post("/v1/edit", json={"handle": id}, headers=ASYNC)
    assert begun.status_code == 202
    where = urljoin(str(begun.url), begun.headers["Location"])
    eventually(lambda: keeping.client.get(where).json()["state"] == "completed")
    result = keeping.client.get(where).json()["result"]
    assert result["replay"] == "approximate"
    assert len(result["warnings"]) == 1


def test_what_comes_of_such_a_trajectory_is_of_no_kernels(keeping: Server, kept: Path) -> None:
    """Its beginning was made elsewhere, so that nobody can make the whole of it again exactly."""
    sample = icon(keeping)
    made_on(kept, sample, OTHER)
    (branch,) = edit(keeping, sample, operations=[{"type": "resample"}], rewind={})["samples"]
    assert fingerprint_of(kept, branch) == ""
    assert edit(keeping, branch)["replay"] == "approximate"
    assert ask(keeping, branch, require_exact=True).status_code == 409


def test_on_the_same_kernels_nothing_is_said_about_them(keeping: Server, kept: Path) -> None:
    sample = icon(keeping)
    card = keeping.client.get("/v1/models/icons").json()
    assert fingerprint_of(kept, sample) == card["numerics"]["fingerprint"]
    answer = edit(keeping, sample, require_exact=True)
    assert "replay" not in answer
    assert answer["warnings"] == []
    assert same(answer["samples"][0], sample)
