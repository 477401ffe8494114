"""Deadlines and priorities."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.server.running import Server, eventually

LONG: dict[str, Any] = {"n": 6, "seed": 5, "sampler": {"method": "rk4", "steps": 400}}


def idle(server: Server) -> bool:
    return server.metric("sureflow_num_samples_running") == 0


def test_what_cannot_be_done_in_time_is_refused_before_any_work(server: Server) -> None:
    labels = {"reason": "deadline-unreachable"}
    before = server.metric("sureflow_requests_rejected_total", **labels)
    server.generate(n=8, sampler={"steps": 50})
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(server.generate, **{**LONG, "n": 40})
        eventually(lambda: not idle(server))
        response = server.client.post("/v1/generate", json={**LONG, "deadline_s": 0.01})
        assert not answer.done()
        assert response.status_code == 429
        document = response.json()
        assert document["type"] == "urn:sureflow:problem:deadline-unreachable"
        assert "0.01 s" in document["detail"]
        assert int(response.headers["retry-after"]) >= 1
        assert server.generate(n=1, deadline_s=60)["samples"], "there is time for this one"
        assert answer.result()["samples"]
    assert server.metric("sureflow_requests_rejected_total", **labels) == before + 1


def test_a_deadline_and_a_priority_leave_the_samples_alone(server: Server) -> None:
    body: dict[str, Any] = {"n": 3, "seed": 4, "sampler": {"method": "bosh3", "tolerance": 0.01}}
    plain = server.generate(**body)["samples"]
    assert server.generate(**body, deadline_s=600, priority=-3)["samples"] == plain
    assert {sample["tolerance"] for sample in plain} == {0.01}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("deadline_s", 0),
        ("deadline_s", 1e9),
        ("deadline_s", "1"),
        ("priority", 11),
        ("priority", 0.5),
    ],
)
def test_values_out_of_range_are_named(server: Server, field: str, value: object) -> None:
    response = server.client.post("/v1/generate", json={field: value})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
