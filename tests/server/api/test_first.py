"""Samples made alone, by the seed and the index of their records."""

from __future__ import annotations

import json
from typing import Any

import pytest
from httpx_sse import connect_sse

from tests.server.running import Server

BODY: dict[str, Any] = {"model": "icons", "seed": 7, "sampler": {"steps": 4}}
LABEL = {"condition": {"label": 1}}


def facts(sample: dict[str, Any]) -> dict[str, Any]:
    """What of a sample does not belong to the request that asked for it."""
    return {**sample, "decision": None, "rewound_from": None}


def test_a_record_says_what_makes_its_sample_alone(server: Server) -> None:
    """It took as many samples as the index says, and one more."""
    whole = server.generate(**BODY, **LABEL, n=4)["samples"]
    for sample in whole:
        asked = {"seed": sample["seed"], "first": sample["index"], "n": 1}
        assert server.generate(**{**BODY, **asked}, **LABEL)["samples"] == [sample]
    assert server.generate(**BODY, **LABEL, first=1, n=2)["samples"] == whole[1:3]


@pytest.mark.parametrize("action", ["regenerate", "rewind"])
def test_what_is_made_again_is_counted_from_there(server: Server, action: str) -> None:
    filter = {"min": 0.6, "action": action, "max_attempts": 3}
    body = {**BODY, **LABEL, "rewind": {}, "filter": filter}
    made = server.generate(**body, first=5, n=3)["samples"]
    indices = [sample["index"] for sample in made]
    assert indices[:3] == [5, 6, 7]
    assert len(made) > 3, "the filter must have something to do"
    assert {sample["decision"]["attempt"] for sample in made[:3]} == {1}
    whole = {
        sample["index"]: sample for sample in server.generate(**BODY, **LABEL, n=20)["samples"]
    }
    for sample in made:
        if sample["rewound_from"] is None:
            assert sample["uncertainty"] == whole[sample["index"]]["uncertainty"]
        else:
            assert sample["rewound_from"] == sample["index"] - 3 >= 5
    if action == "regenerate":
        assert indices == [*range(5, 5 + len(made))]


def test_steps_of_a_stream_are_of_their_samples(server: Server) -> None:
    headers = {"Accept": "text/event-stream"}
    body = {"seed": 7, "first": 9, "n": 2, "sampler": {"method": "rk4", "steps": 300}}
    with connect_sse(server.client, "POST", "/v1/generate", json=body, headers=headers) as source:
        steps = [json.loads(event.data) for event in source.iter_sse() if event.event == "step"]
    assert steps
    assert {step["index"] for step in steps} <= {9, 10}


@pytest.mark.parametrize("first", [-1, 2**31, "1", 1.5])
def test_indices_are_whole_numbers(server: Server, first: Any) -> None:
    response = server.client.post("/v1/generate", json={**BODY, "first": first})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "first"
