"""Filters that need to know their model, and filters at work on a server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from sureflow.confidence.ranges import CalibratedRange, calibrated_range
from sureflow.core.card import ModelCard
from sureflow.core.halving import Halving, halve
from sureflow.core.setting import Setting
from sureflow.families.flow.setting import named as at
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.api.generate_plan import plan_generate
from sureflow_server.api.halving import halving_warning
from sureflow_server.api.problems import Problem
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.api.resolve_filter import early_warning, resolve_filter
from sureflow_server.filters import Filter, Rounds, Target, Threshold, Top
from tests.server.api.test_stream import events_of, named
from tests.server.running import Server, eventually

TABLE = {
    "judge": "by eye",
    "draws": 2000,
    "delta": 0.1,
    "method": "heun",
    "steps": 20,
    "score": "propagated",
    "guidance": 1.0,
    "thresholds": [[0.6, 0.0123], [0.5, 0.02], [0.4, 0.02], [0.3, 0.05]],
}


def of(setting: Setting, *ends: tuple[float, float | None]) -> CalibratedRange:
    return calibrated_range(setting.line, ends)


RANGES = {
    "propagated": (
        of(at("heun", 1), (10, None)),
        of(at("heun", 1, guidance=2.0), (20, 20)),
        of(at("ab2", None, 1), (0.0, 0.05)),
        of(at("rk4", 1, guidance=7.0), (5, 5)),
    )
}
CARD = ModelCard(
    "m",
    "sha256:0",
    "vector",
    (2,),
    ("a", "b"),
    0,
    {
        "scores": ["propagated", "straightness"],
        "guidance": [1.0, 2.0],
        "early": ["propagated"],
        "method": "heun",
        "steps": 20,
        "references": [at("heun", 20, guidance=g).record() for g in (1.0, 2.0)],
        "early_confidence": {"propagated": 0.8},
        "holds": RANGES,
        "conformal": TABLE,
    },
)
LANE = FlowSpec(0, 0, label=0, scores=("propagated",))


def chosen(spec: FlowSpec = LANE, card: ModelCard = CARD, **filter: Any) -> Filter:
    request = GenerateRequest.model_validate({"filter": filter})
    found = resolve_filter(request.filter, request.count, card, (spec,), 1024)
    assert found is not None
    return found


@pytest.mark.parametrize(("rate", "minimum"), [(0.0123, 0.6), (0.02, 0.4), (0.04, 0.4), (0.9, 0.3)])
def test_the_lowest_certified_confidence_is_taken(rate: float, minimum: float) -> None:
    origin = f"conformal: bad rate <= {rate:g} at 90 %"
    found = chosen(max_bad_rate=rate, action="drop")
    assert found == Threshold("confidence", minimum, None, "drop", origin)


def test_a_rate_that_cannot_be_certified_comes_with_one_that_can() -> None:
    with pytest.raises(Problem, match=r"filter\.max_bad_rate: .* smallest .* is 0\.0123") as caught:
        chosen(max_bad_rate=0.0122)
    assert caught.value.errors[0][0] == "filter.max_bad_rate"
    odd = {**TABLE, "thresholds": [[0.5, 0.00123401]]}
    with pytest.raises(Problem, match=r"0\.00124$"):
        chosen(
            card=replace(CARD, calibrated={**CARD.calibrated, "conformal": odd}), max_bad_rate=1e-9
        )


@pytest.mark.parametrize(
    "fields",
    [
        {"scores": ("straightness",)},
        {"guidance": 1.5},
        {"method": "rk4"},
        {"steps": 10},
        {"tolerance": 0.1},
        {"grid": "fitted"},
        {"parallel": 4},
        {"label": None},
    ],
    ids=str,
)
def test_a_guarantee_holds_for_its_own_settings(fields: dict[str, Any]) -> None:
    allowed = (
        "propagated, with a condition.label, grid uniform, guidance 1.0, method heun, steps 20"
    )
    with pytest.raises(Problem, match=allowed) as caught:
        chosen(replace(LANE, **fields), max_bad_rate=0.5)
    assert caught.value.errors[0][0] == "filter.max_bad_rate"


def test_without_a_judge_there_is_no_guarantee() -> None:
    card = replace(CARD, calibrated={"scores": ["propagated"]})
    with pytest.raises(Problem, match=r"filter\.max_bad_rate: no judge"):
        chosen(card=card, max_bad_rate=0.5)


@pytest.mark.parametrize(
    ("filter", "early"),
    [
        ({"min": 0.3, "early": True}, 0.3),
        ({"keep": 0.25, "early": True, "accept": 3}, 0.75),
        ({"max_bad_rate": 0.02, "early": True, "action": "regenerate"}, 0.4),
        ({"min": 0.3}, None),
    ],
    ids=str,
)
def test_lanes_know_below_which_confidence_they_are_of_no_use(
    filter: dict[str, Any], early: float | None
) -> None:
    body = {"n": filter.get("accept", 2), "condition": {"label": 1}, "filter": filter}
    pool = SimpleNamespace(folder="models", cards={"m": CARD}, failures={}, unloaded={}, loading=[])
    settings = SimpleNamespace(max_samples_per_request=1024)
    service: Any = SimpleNamespace(
        pool=pool,
        settings=settings,
        default_model="m",
        withdrawn={},
        judges=SimpleNamespace(names=()),
    )
    planned = plan_generate(GenerateRequest.model_validate(body), service)
    assert {lane.early for lane in planned.lanes} == {early}
    assert [lane.index for lane in planned.lanes] == list(range(body["n"]))
    assert (planned.follow is not None) == isinstance(planned.filter, Target)


def test_a_score_that_cannot_be_foreseen_is_no_reason_to_give_up() -> None:
    with pytest.raises(Problem, match=r"filter\.early: m cannot foresee straightness.*propagated"):
        chosen(replace(LANE, scores=("straightness",)), min=0.5, early=True)


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({}, True),
        ({"steps": 50}, True),
        ({"method": "ab2", "tolerance": 0.03}, True),
        ({"guidance": 2.0}, True),
        ({"steps": 9}, False),
        ({"method": "rk4"}, False),
        ({"method": "ab2", "tolerance": 0.1}, False),
        ({"guidance": 2.0, "steps": 50}, False),
        ({"guidance": 1.5}, False),
        ({"grid": "fitted"}, False),
        ({"scores": ("straightness",)}, False),
    ],
    ids=str,
)
def test_a_share_is_one_only_where_confidence_holds(fields: dict[str, Any], holds: bool) -> None:
    lane = replace(LANE, **fields)
    if holds:
        assert chosen(lane, keep=0.5) == Threshold("confidence", 0.5, None, "annotate")
        return
    with pytest.raises(Problem, match=r"filter\.keep: at guidance .* is a share of samples for"):
        chosen(lane, keep=0.5)
    assert chosen(lane, min=0.5) == Threshold("confidence", 0.5, None, "annotate")
    assert chosen(lane, top=1) is not None


def test_who_is_refused_learns_what_holds() -> None:
    words = (
        "grid uniform, method heun: 10 or more steps; "
        "grid uniform, method ab2: tolerance of at most 0.05; POST /v1/models/m/calibrate"
    )
    with pytest.raises(Problem, match=words):
        chosen(replace(LANE, method="rk4"), keep=0.5)
    with pytest.raises(Problem, match=r"at guidance 1\.5 .* for no setting"):
        chosen(replace(LANE, guidance=1.5), keep=0.5)


@pytest.mark.parametrize(
    "fields",
    [{"method": "rk4"}, {"steps": 50}, {"tolerance": 0.01}, {"grid": "fitted"}, {"parallel": 2}],
    ids=str,
)
def test_nobody_is_given_up_where_nothing_was_promised(fields: dict[str, Any]) -> None:
    """Twenty Heun steps are what the bound on mistakes was certified for."""
    with pytest.raises(Problem, match=r"filter\.early: .* method heun, steps 20 alone"):
        chosen(replace(LANE, **fields), min=0.5, early=True)


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({}, None),
        ({"early": 0.8}, None),
        ({"early": 0.5, "guidance": 2.0}, None),
        ({"early": 0.9}, "no draws tell what 0.9 takes; up to 0.8"),
        ({"early": 0.5, "guidance": 1.5}, "at this guidance"),
    ],
    ids=str,
)
def test_what_cannot_be_foreseen_is_said(fields: dict[str, Any], warning: str | None) -> None:
    said = early_warning(CARD, replace(LANE, **fields))
    assert (said is None) == (warning is None)
    assert warning is None or warning in str(said)


def test_a_scale_beyond_the_tables_will_do_where_it_was_calibrated() -> None:
    strong = replace(LANE, guidance=7.0, method="rk4", steps=5)
    assert chosen(strong, keep=0.5) == Threshold("confidence", 0.5, None, "annotate")
    with pytest.raises(Problem, match=r"filter\.by: .* for guidance 1 to 2 only"):
        chosen(replace(strong, steps=6), min=0.5)


STRIPES: dict[str, Any] = {"model": "icons", "seed": 4, "condition": {"label": "stripes"}}


def taken(answer: dict[str, Any]) -> list[str]:
    return [sample["decision"]["action_taken"] for sample in answer["samples"]]


def test_keep_goes_by_the_calibration(server: Server) -> None:
    answer = server.generate(**STRIPES, n=40, filter={"keep": 0.25, "action": "drop"})
    for sample in answer["samples"]:
        assert (sample["decision"]["action_taken"] == "accepted") == (sample["confidence"] >= 0.75)
        assert sample["decision"]["threshold"] == 0.75
    assert 2 <= taken(answer).count("accepted") <= 20


def test_every_sample_says_whether_its_confidence_holds(server: Server) -> None:
    for steps, holds in ((20, True), (4, False)):
        answer = server.generate(**STRIPES, n=2, sampler={"steps": steps})
        assert [sample["confidence_holds"] for sample in answer["samples"]] == [holds] * 2
        assert all(sample["confidence"] is not None for sample in answer["samples"])
    unknown = server.generate(n=1, seed=1)["samples"][0]
    assert (unknown["confidence"], unknown["confidence_holds"]) == (None, None)
    body = {**STRIPES, "n": 2, "sampler": {"steps": 4}}
    refused = server.client.post("/v1/generate", json={**body, "filter": {"keep": 0.5}})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "filter.keep"
    assert "method heun: 20 steps" in refused.json()["detail"]
    server.generate(**body, filter={"min": 0.5})


def test_the_top_are_the_surest_and_a_stream_has_them_at_its_end(server: Server) -> None:
    body = {**STRIPES, "n": 8, "filter": {"top": 3, "action": "drop"}}
    answer = server.generate(**body)
    surest = sorted(answer["samples"], key=lambda sample: (-sample["confidence"], sample["index"]))
    passed = [sample for sample in answer["samples"] if sample["data"] is not None]
    assert sorted(s["index"] for s in surest[:3]) == [s["index"] for s in passed]
    events = events_of(server, **body)
    assert named(events, "sample") == answer["samples"]
    assert [name for name, _ in events[-9:]] == ["sample"] * 8 + ["completed"]


def test_it_goes_on_until_enough_have_passed(server: Server) -> None:
    filter = {"min": 0.7, "accept": 6, "max_attempts": 50, "action": "regenerate"}
    answer = server.generate(**STRIPES, filter=filter)
    samples, count = answer["samples"], len(answer["samples"])
    plain = server.generate(**STRIPES, n=count)["samples"]
    assert [s["confidence"] for s in samples] == [s["confidence"] for s in plain]
    passed = [sample["confidence"] >= 0.7 for sample in plain]
    assert sum(passed) == 6
    assert passed[-1], "the last one made is the one that was missing"
    assert taken(answer) == ["accepted" if good else "regenerated" for good in passed]
    assert [s["data"] for s in samples] == [
        s["data"] if good else None for s, good in zip(plain, passed, strict=True)
    ]
    assert [s["decision"]["attempt"] for s in samples] == [1 + i // 6 for i in range(count)]
    assert answer["usage"]["evaluations"] == 40 * count
    events = events_of(server, **STRIPES, filter=filter)
    streamed = sorted(named(events, "sample"), key=lambda sample: int(sample["index"]))
    assert streamed == samples
    assert (events[0][1]["n"], events[-1][1]["n"]) == (6, count)


def test_attempts_run_out(server: Server) -> None:
    filter = {"by": "uncertainty", "max": 0, "action": "regenerate", "max_attempts": 3}
    answer = server.generate(n=4, seed=1, filter=filter)
    assert taken(answer) == ["regenerated"] * 8 + ["dropped"] * 4
    annotated = server.generate(
        seed=1, filter={"by": "uncertainty", "max": 0, "accept": 4, "max_attempts": 2}
    )
    assert taken(annotated) == ["annotated"] * 8
    assert all(sample["data"] is not None for sample in annotated["samples"])


def test_an_image_is_the_one_that_passed(server: Server) -> None:
    body = {**STRIPES, "filter": {"min": 0.8, "accept": 1, "max_attempts": 200}}
    response = server.client.post("/v1/generate", json=body, headers={"Accept": "image/png"})
    assert response.status_code == 200
    assert '"action_taken": "accepted"' in response.headers["x-sureflow-record"]


def test_a_certified_rate_on_a_server(server: Server) -> None:
    card = server.client.get("/v1/models/icons").json()["calibrated"]["conformal"]
    assert (card["judge"], card["draws"]) == ("by eye", 200)
    first, bound = card["thresholds"][0]
    answer = server.generate(**STRIPES, n=20, filter={"max_bad_rate": 0.99 * bound + 0.01})
    decision = answer["samples"][0]["decision"]
    assert decision["threshold"] <= first
    assert decision["reason"].startswith("conformal: bad rate <= ")
    body = {**STRIPES, "sampler": {"steps": 10}, "filter": {"max_bad_rate": 0.5}}
    refused = server.client.post("/v1/generate", json=body)
    assert refused.status_code == 422
    assert "steps 20" in refused.json()["detail"]


@pytest.mark.slow
def test_a_target_keeps_to_its_room_and_survives_its_worker(start: Any, server: Server) -> None:
    """The queue has room for the target alone, and the worker dies while lanes follow lanes."""
    mortal = start("--default-model", "points", "--max-queued-samples", "6")
    plain = server.generate(n=30, seed=2, sampler={"steps": 300})["samples"]
    bound = sorted(sample["uncertainty"] for sample in plain)[10]
    filter = {"by": "uncertainty", "max": bound, "accept": 6, "max_attempts": 5, "action": "drop"}
    body = {"seed": 2, "sampler": {"steps": 300}, "filter": filter}
    expected = server.generate(**body)
    assert 8 < len(expected["samples"]) <= 30
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(mortal.generate, **body)
        eventually(lambda: mortal.metric("sureflow_samples_total") >= 7)
        assert not answer.done()
        mortal.kill_worker()
        assert answer.result()["samples"] == expected["samples"]
    assert mortal.metric("sureflow_worker_restarts_total") == 1
    assert len(mortal.generate(n=6)["samples"]) == 6, "its room is free again"


def test_whoever_leaves_stops_what_follows(server: Server) -> None:
    filter = {"by": "uncertainty", "max": 0, "accept": 4, "max_attempts": 200}
    body = {"seed": 1, "sampler": {"steps": 300}, "filter": filter}
    labels = {"model": "points", "outcome": "cancelled"}
    before = server.metric("sureflow_requests_total", **labels)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/v1/generate", json=body, timeout=1)
    eventually(lambda: server.metric("sureflow_requests_total", **labels) == before + 1)
    eventually(lambda: server.metric("sureflow_num_samples_running") == 0)
    assert server.metric("sureflow_num_samples_waiting") == 0


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"top": 1}, Top(1, "confidence", "annotate", halve(4, 1))),
        ({"top": 1, "by": "uncertainty"}, Top(1, "uncertainty", "annotate", halve(4, 1))),
        ({"keep": 0.3, "action": "drop"}, Top(2, "confidence", "drop", halve(4, 2))),
        (
            {"keep": 0.2, "accept": 2, "max_attempts": 9},
            Rounds(Threshold("confidence", 0.8, None, "annotate"), 2, 5, 9),
        ),
        (
            {"max": 3, "by": "uncertainty", "accept": 2},
            Rounds(Threshold("uncertainty", None, 3, "annotate"), 2, 4, 4),
        ),
    ],
    ids=str,
)
def test_samples_are_compared_on_the_way(filter: dict[str, Any], expected: Filter) -> None:
    asked = {**filter, "early": "halving"}
    body = {"filter": asked} if "accept" in filter else {"n": 4, "filter": asked}
    request = GenerateRequest.model_validate(body)
    assert resolve_filter(request.filter, request.count, CARD, (LANE,), 1024) == expected
    assert halving_warning(request.filter, LANE) is None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"tolerance": 0.1}, "steps of its own"),
        ({"parallel": 4}, "parallel"),
        ({"steps": 1}, "one"),
    ],
    ids=str,
)
def test_where_samples_do_not_meet_all_are_finished_and_the_answer_says_why(
    fields: dict[str, Any], why: str
) -> None:
    request = GenerateRequest.model_validate(
        {"n": 4, "filter": {"top": 1, "by": "uncertainty", "early": "halving"}}
    )
    lane = replace(LANE, **fields)
    found = resolve_filter(request.filter, request.count, CARD, (lane,), 1024)
    assert found == Top(1, "uncertainty", "annotate")
    said = halving_warning(request.filter, lane)
    assert said is not None
    assert said.startswith("filter.early: ")
    assert why in said
    assert halving_warning(None, lane) is None


@pytest.mark.parametrize(
    ("foretold", "guidance", "rungs"),
    [
        ({}, 1.0, (0.6, 0.7, 0.8)),
        ({"likelihood": [0.05, 1.0]}, 1.0, (0.2, 0.4, 0.6)),
        ({"likelihood": [0.05, 1.0]}, 2.0, (0.6, 0.7, 0.8)),
        ({"likelihood": [0.05, 1.0]}, 1.5, (0.6, 0.7, 0.8)),
        ({"propagated": [0.05, 0.05]}, 1.0, (0.6, 0.7, 0.8)),
    ],
)
def test_a_score_is_compared_from_when_on_it_is_foretold(
    foretold: dict[str, list[float]], guidance: float, rungs: tuple[float, ...]
) -> None:
    request = GenerateRequest.model_validate(
        {"n": 20, "filter": {"top": 4, "by": "uncertainty", "early": "halving"}}
    )
    lane = replace(LANE, scores=("likelihood",), guidance=guidance)
    card = replace(CARD, calibrated={**CARD.calibrated, "foretold_from": foretold})
    found = resolve_filter(request.filter, request.count, card, (lane,), 1024)
    assert found is not None
    assert found.halving == Halving(rungs, (10, 5, 4))
