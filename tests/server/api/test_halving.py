"""Samples of a request that are compared on the way, on a real server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.server.api.test_stream import events_of, named
from tests.server.running import Server

BODY: dict[str, Any] = {
    "model": "points",
    "n": 20,
    "seed": 21,
    "confidence": {"method": "propagated"},
    "output": {"format": "npy"},
}
FILTER = {"top": 4, "by": "uncertainty", "action": "drop"}
HALVING = {**FILTER, "early": "halving"}


def taken(answer: dict[str, Any]) -> list[str]:
    return [sample["decision"]["action_taken"] for sample in answer["samples"]]


def test_the_best_four_of_twenty_cost_less_than_half(server: Server) -> None:
    saved = server.metric("sureflow_evaluations_saved_total", model="points")
    answer = server.generate(**BODY, filter=HALVING)
    assert answer["warnings"] == []
    assert taken(answer).count("accepted") == 4
    assert taken(answer).count("abandoned") == 16
    assert answer["usage"]["evaluations"] == 344
    assert answer["usage"]["evaluations_saved"] == 456
    now = server.metric("sureflow_evaluations_saved_total", model="points")
    assert now == saved + 456


def test_every_sample_keeps_its_record(server: Server) -> None:
    by_time: dict[float, list[dict[str, Any]]] = {}
    for sample in server.generate(**BODY, filter=HALVING)["samples"]:
        decision, rung = sample["decision"], sample["decision"]["rung"]
        if rung is None:
            assert decision["abandoned_at"] is None
            continue
        assert sample["data"] is None
        assert sample["finish_reason"] == "abandoned"
        assert decision["abandoned_at"] == rung["t"]
        by_time.setdefault(round(rung["t"], 9), []).append(rung)
    assert {t: sorted(rung["rank"] for rung in rungs) for t, rungs in by_time.items()} == {
        0.2: [*range(11, 21)],
        0.4: [*range(6, 11)],
        0.6: [5],
    }
    for rungs in by_time.values():
        in_order = sorted(rungs, key=lambda rung: int(rung["rank"]))
        assert in_order == sorted(rungs, key=lambda rung: float(rung["value"]))


def test_what_is_finished_is_as_without(server: Server) -> None:
    plain = server.generate(**BODY, filter=FILTER)["samples"]
    for sample in server.generate(**BODY, filter=HALVING)["samples"]:
        if sample["decision"]["rung"] is None:
            whole = plain[sample["index"]]
            told = ("uncertainty", "commit", "steps", "evaluations")
            assert [sample[name] for name in told] == [whole[name] for name in told]
            (alone,) = server.generate(**{**BODY, "n": 1, "first": sample["index"]})["samples"]
            assert sample["data"] == alone["data"]


def test_neither_load_nor_company_decides(server: Server) -> None:
    expected = server.generate(**BODY, filter=HALVING)["samples"]
    others = [
        {**BODY, "seed": seed, "filter": HALVING, "sampler": {"steps": 10 + seed}}
        for seed in range(6)
    ]
    others += [{"model": "points", "n": 30, "seed": seed} for seed in range(4)]
    others += [{"model": "icons", "n": 12, "seed": seed} for seed in range(2)]
    with ThreadPoolExecutor(16) as threads:
        busy = [threads.submit(server.generate, **other) for other in others]
        again = [threads.submit(server.generate, **BODY, filter=HALVING) for _ in range(3)]
        assert [answer.result()["samples"] for answer in again] == [expected] * 3
        crowded = [other.result()["samples"] for other in busy]
    assert crowded == [server.generate(**other)["samples"] for other in others]


def test_a_share_of_the_request_passes_exactly(server: Server) -> None:
    """Where samples are not compared, ``keep`` is a share of the model's own draws."""
    body = {"model": "icons", "n": 12, "seed": 3, "condition": {"label": "stripes"}}
    kept = {"keep": 0.25, "action": "drop", "early": "halving"}
    assert taken(server.generate(**body, filter=kept)).count("accepted") == 3


def test_it_goes_on_in_rounds_until_enough_have_passed(server: Server) -> None:
    body = {"model": "icons", "seed": 4, "condition": {"label": "stripes"}}
    wanted = {"min": 0.5, "accept": 5, "max_attempts": 8, "action": "annotate", "early": "halving"}
    answer = server.generate(**body, filter=wanted)
    made = len(answer["samples"])
    assert taken(answer).count("accepted") == 5
    assert [sample["index"] for sample in answer["samples"]] == [*range(made)]
    assert 10 <= made <= 40
    plain = server.generate(**body, n=made)["samples"]
    for sample in answer["samples"]:
        if sample["decision"]["action_taken"] == "accepted":
            assert sample["data"] == plain[sample["index"]]["data"]
            assert sample["confidence"] >= 0.5


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"sampler": {"method": "bosh3", "tolerance": 0.02}}, "steps of its own"),
        (
            {"confidence": {"method": "residual"}},
            "residual tells nothing before a sample is finished",
        ),
    ],
    ids=str,
)
def test_where_nothing_can_be_compared_the_answer_says_so(
    server: Server, fields: dict[str, Any], why: str
) -> None:
    answer = server.generate(**{**BODY, **fields}, filter=HALVING)
    assert [why in warning for warning in answer["warnings"]] == [True]
    assert taken(answer).count("accepted") == 4
    assert taken(answer).count("dropped") == 16


def test_an_edit_says_that_its_branches_are_not_compared(server: Server) -> None:
    (made,) = server.generate(**{**BODY, "n": 1}, rewind={"keep": "commit"})["samples"]
    body = {
        "handle": made["handle"]["id"],
        "operations": [{"type": "resample"}],
        "branches": 4,
        "filter": {"top": 1, "by": "uncertainty", "early": "halving"},
    }
    response = server.client.post("/v1/edit", json=body)
    assert response.status_code == 200, response.text
    assert ["an edit" in warning for warning in response.json()["warnings"]] == [True]


def test_a_stream_tells_what_is_given_up_at_once(server: Server) -> None:
    samples = named(events_of(server, **BODY, filter=HALVING), "sample")
    times = [sample["decision"]["abandoned_at"] or 1.0 for sample in samples]
    assert times == sorted(times)
    assert len(times) == 20
