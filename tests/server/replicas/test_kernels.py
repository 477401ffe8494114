"""Two servers over one Redis whose kernels differ in the last bits, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.replicas.pair import Pair
from tests.server.running import Server, eventually


def fingerprint(server: Server) -> str:
    record = server.client.get("/v1/models/elsewhere").json()
    return str(record["numerics"]["fingerprint"])


def edit(server: Server, sample: dict[str, Any], **body: Any) -> Any:
    return server.client.post("/v1/edit", json={"handle": sample["handle"]["id"], **body})


def test_every_replica_says_that_the_other_computes_otherwise(pair: Pair) -> None:
    servers = (pair.one.server, pair.two.server)
    assert fingerprint(servers[0]) != fingerprint(servers[1])

    def told(server: Server) -> bool:
        answer = server.client.get("/health/ready")
        assert answer.status_code == 200, "it serves all the same"
        return any("elsewhere" in warning for warning in answer.json().get("warnings", ()))

    for server in servers:
        eventually(lambda server=server: told(server))
        eventually(lambda server=server: any("other kernels" in line for line in server.log))


def test_a_trajectory_of_the_other_goes_on_with_a_warning(pair: Pair) -> None:
    one, two = pair.one.server, pair.two.server
    (made,) = one.generate(model="elsewhere", n=1, seed=1, rewind={})["samples"]
    here = edit(one, made).json()
    assert here["samples"][0]["data"] == made["data"]
    assert here.get("replay") is None
    assert not any("kernels" in warning for warning in here["warnings"])
    there = edit(two, made).json()
    assert there["replay"] == "approximate"
    assert there["samples"][0]["data"] != made["data"], "or the test shows nothing"
    assert there["samples"][0]["data"] == pytest.approx(made["data"], rel=1e-4)
    assert any("other kernels" in warning for warning in there["warnings"])


def test_who_needs_every_bit_is_refused_there_and_served_here(pair: Pair) -> None:
    one, two = pair.one.server, pair.two.server
    (made,) = two.generate(model="elsewhere", n=1, seed=2, rewind={})["samples"]
    assert edit(two, made, require_exact=True).status_code == 200
    refused = edit(one, made, require_exact=True)
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["type"] == "urn:sureflow:problem:replay-approximate"
    assert problem["errors"][0]["field"] == "require_exact"


def test_frames_of_the_other_are_said_to_be_approximate(pair: Pair) -> None:
    one, two = pair.one.server, pair.two.server
    (made,) = one.generate(model="elsewhere", n=1, seed=3, rewind={})["samples"]
    path = f"/v1/handles/{made['handle']['id']}/frames"
    assert one.client.get(path).json().get("replay") is None
    assert two.client.get(path).json()["replay"] == "approximate"
