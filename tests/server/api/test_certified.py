"""Promises about classes: what is refused and why, and what a server makes of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sureflow.confidence.certificate import version_of
from sureflow.core.lane import Branch
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.api.certified import Certified
from sureflow_server.api.problems import Problem
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.api.resolve_filter import resolve_filter
from sureflow_server.filters import AnyGood, Balanced, Filter, StratumThreshold, Top
from tests.server.api.test_resolve_filter import CARD, LANE, TABLE
from tests.server.api.test_stream import events_of, named
from tests.server.running import Server

STRATA = {
    "0": {
        "judged": 100,
        "bad": 1,
        "surest": [0.5, 0, 50],
        "thresholds": [[0.5, 0.058], [0.1, 0.08]],
        "any_good": [[0.5, 0.09], [0.0, 0.07]],
    },
    "1": {
        "judged": 100,
        "bad": 30,
        "surest": [0.5, 6, 50],
        "thresholds": [[0.5, 0.26]],
        "any_good": [[0.5, 0.3], [0.0, 0.45]],
    },
}
OTHER = replace(LANE, label=1)
COARSE = {"grid": "uniform", "guidance": 1.0, "method": "euler", "steps": None, "tolerance": 0.1}
ELSEWHERE = TABLE | {"setting": COARSE, "thresholds": [[0.7, 0.01]]}


def carded(table: dict[str, Any]) -> Any:
    return replace(CARD, calibrated={**CARD.calibrated, "conformal": table})


KNOWN = carded({**TABLE, "strata": STRATA})


def chosen(
    *turns: FlowSpec, card: Any = KNOWN, n: int = 64, withdrawn: Any = None, **filter: Any
) -> Filter:
    request = GenerateRequest.model_validate({"n": n, "filter": filter})
    found = resolve_filter(request.filter, request.count, card, turns, 1024, withdrawn or {})
    assert found is not None
    return found


def refused(field: str, *turns: FlowSpec, **said: Any) -> str:
    with pytest.raises(Problem) as caught:
        chosen(*turns, **said)
    assert caught.value.errors[0][0] == field
    return str(caught.value.errors[0][1])


def test_each_class_has_its_own_threshold() -> None:
    found = chosen(LANE, OTHER, max_bad_rate=0.3, per="class", action="drop")
    assert isinstance(found, StratumThreshold)
    assert found.minima == {"0": 0.1, "1": 0.5}
    assert found.minimum == 0.1
    assert found.origin == "conformal: bad rate <= 0.3 at 90 % in each class"
    alone = chosen(OTHER, max_bad_rate=0.3, per="class", early=True)
    assert alone.floor == 0.5


def test_classes_that_cannot_be_certified_are_named_with_what_it_takes() -> None:
    said = refused("filter.max_bad_rate", LANE, OTHER, max_bad_rate=0.05, per="class")
    first, second = said.removeprefix("0.05 cannot be certified of ").split("; class ")
    assert first.startswith("class a (100 judged, 0.058 can be; about 118 would do")
    assert second.startswith("b (100 judged, 0.26 can be; 6 of the 50 from 0.5 on are bad")
    needed = int(np.ceil(np.log(0.05) / np.log(0.95))) * 100 / 50
    assert needed == 118
    assert "class a" not in refused("filter.max_bad_rate", OTHER, max_bad_rate=0.05, per="class")


@pytest.mark.parametrize(
    ("turns", "said", "reason"),
    [
        ((LANE,), {"card": CARD, "any_good": 0.9}, "no classes apart"),
        ((LANE, OTHER), {"any_good": 0.9}, "one label"),
        ((replace(LANE, label=None),), {"any_good": 0.9}, "condition.label"),
        ((replace(LANE, steps=9),), {"any_good": 0.9}, "steps 20"),
        (
            (replace(LANE, condition={"x": np.zeros(2)}),),
            {"any_good": 0.9},
            "with a condition.label",
        ),
        ((OTHER,), {"any_good": 0.9, "n": 1}, "takes up to 3 samples, and 1 may"),
        ((OTHER,), {"any_good": 0.999999, "n": 4}, "class b takes up to"),
    ],
    ids=str,
)
def test_what_is_not_promised_is_refused(
    turns: tuple[FlowSpec, ...], said: dict[str, Any], reason: str
) -> None:
    assert reason in refused("filter.any_good", *turns, **said)


def test_a_certificate_that_tells_no_classes_apart_promises_nothing_of_them() -> None:
    said = refused("filter.max_bad_rate", LANE, card=CARD, max_bad_rate=0.1, per="class")
    assert "no classes apart" in said


def test_without_a_judge_or_against_verdicts_nothing_is_promised() -> None:
    assert "no judge" in refused(
        "filter.any_good",
        LANE,
        card=replace(CARD, calibrated={"scores": ["propagated"]}),
        any_good=0.9,
    )
    table = KNOWN.calibrated["conformal"]
    withdrawn = {version_of(table): "too many are bad"}
    assert "withdrawn: too many" in refused(
        "filter.any_good", LANE, withdrawn=withdrawn, any_good=0.9
    )
    unknown = {**TABLE, "strata": {"0": {**STRATA["0"], "any_good": []}}}
    assert "nothing is known of class a" in refused(
        "filter.any_good", LANE, card=carded(unknown), any_good=0.9
    )
    assert "samples of class b" in refused(
        "filter.any_good", OTHER, card=carded(unknown), any_good=0.9
    )


@pytest.mark.parametrize(
    ("lane", "any_good", "n", "expected"),
    [
        (LANE, 0.9, 64, (0.0, 1, 1)),
        (OTHER, 0.9, 64, (0.5, 2, 14)),
        (OTHER, 0.9, 3, (0.0, 3, 3)),
        (LANE, 0.995, 64, (0.0, 2, 2)),
    ],
    ids=str,
)
def test_as_few_as_keep_the_promise(
    lane: FlowSpec, any_good: float, n: int, expected: tuple[float, int, int]
) -> None:
    found = chosen(lane, any_good=any_good, n=n, action="drop")
    assert isinstance(found, AnyGood)
    assert (found.threshold.minimum, found.count, found.limit) == expected
    assert found.rate**found.count <= 1 - any_good


@pytest.mark.parametrize(
    ("filter", "field"),
    [
        ({"top": 3, "stratify": True}, "filter.top"),
        ({"min": 0.5, "accept": 3, "stratify": True}, "filter.accept"),
        ({"top": 2, "early": "halving"}, "filter.early"),
    ],
    ids=str,
)
def test_classes_that_take_turns_are_as_many(filter: dict[str, Any], field: str) -> None:
    n = filter.get("accept", 4)
    refused(field, LANE, OTHER, n=n, **filter)
    refused_alone = {"top": 2, "stratify": True}
    assert "labels" in refused("filter.stratify", LANE, n=4, **refused_alone)


def test_what_keeps_classes_balanced() -> None:
    assert chosen(LANE, OTHER, n=4, top=2, stratify=True) == Top(
        2, "confidence", "annotate", strata=2
    )
    found = chosen(LANE, OTHER, n=2, min=0.5, accept=2, stratify=True)
    assert isinstance(found, Balanced)


BODY: dict[str, Any] = {"model": "icons", "seed": 4}
LABELS = ["half", "stripes"]


def counted(answer: dict[str, Any]) -> dict[str, int]:
    accepted = dict.fromkeys(LABELS, 0)
    for sample in answer["samples"]:
        accepted[sample["label"]] += sample["decision"]["action_taken"] == "accepted"
    return accepted


def test_labels_take_turns_and_each_sample_can_be_made_alone(server: Server) -> None:
    answer = server.generate(**BODY, n=5, first=3, labels=[1, "half"])
    samples = answer["samples"]
    assert [sample["label"] for sample in samples] == ["half", "stripes"] * 2 + ["half"]
    assert answer["selection"] is None
    for sample in samples[:2]:
        condition = {"label": sample["label"]}
        (alone,) = server.generate(**BODY, first=sample["index"], condition=condition)["samples"]
        assert alone["data"] == sample["data"]
    assert server.generate(n=1, seed=1)["samples"][0]["label"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"labels": ["half", 0]}, "labels"),
        ({"labels": ["half"], "condition": {"label": 1}}, "labels"),
        ({"labels": ["half", "moon"]}, "labels.1"),
        ({"labels": []}, "labels"),
        ({"model": "points", "labels": [0]}, "labels.0"),
        ({"filter": {"any_good": 0.9, "accept": 2}}, "filter.accept"),
        ({"filter": {"any_good": 0.9, "action": "regenerate"}}, "filter.action"),
        ({"filter": {"any_good": 0.9, "early": True}}, "filter.early"),
        ({"filter": {"any_good": 0.9, "by": "uncertainty"}}, "filter.any_good"),
        ({"filter": {"min": 0.9, "per": "class"}}, "filter.per"),
        ({"filter": {"min": 0.9, "stratify": True}}, "filter"),
        ({"model": "points", "filter": {"any_good": 0.9}}, "filter.any_good"),
    ],
    ids=str,
)
def test_requests_that_make_no_sense_are_refused(
    server: Server, body: dict[str, Any], field: str
) -> None:
    response = server.client.post("/v1/generate", json={**BODY, **body})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field


def test_a_class_that_is_not_certified_is_refused_by_name(server: Server) -> None:
    """Of ``half`` all have a confidence of 0, so that nothing is certified of the sure ones."""
    card = server.client.get("/v1/models/icons").json()["calibrated"]["conformal"]["strata"]
    assert {name: each["judged"] for name, each in card.items()} == {"0": 100, "1": 100}
    filter = {"max_bad_rate": 0.1, "per": "class", "action": "drop"}
    body = {**BODY, "n": 4, "filter": filter}
    response = server.client.post("/v1/generate", json={**body, "labels": LABELS})
    assert response.status_code == 422
    assert "0.1 cannot be certified of class half (100 judged; about" in response.json()["detail"]
    assert "stripes" not in response.json()["detail"]
    answer = server.generate(**body, labels=["stripes"])
    expected = min(level for level, bound in card["1"]["thresholds"] if bound <= 0.1)
    assert {sample["decision"]["threshold"] for sample in answer["samples"]} == {expected}


@pytest.mark.parametrize(
    ("label", "any_good"), [("half", 0.9), ("stripes", 0.9), ("stripes", 0.99)]
)
def test_as_few_samples_as_promise_a_good_one(server: Server, label: str, any_good: float) -> None:
    asked = {"any_good": any_good, "action": "drop"}
    body = {**BODY, "condition": {"label": label}, "filter": asked}
    answer = server.generate(**body)
    passed = [s for s in answer["samples"] if s["decision"]["action_taken"] == "accepted"]
    assert answer["selection"]["any_good"] >= any_good
    assert answer["selection"]["accepted_by_class"] == {label: len(passed)}
    assert len(passed) == (1 if any_good == 0.9 else 2)
    assert [s["index"] for s in answer["samples"]] == [*range(len(answer["samples"]))]
    assert answer["samples"][-1] in passed
    assert answer["warnings"] == []
    assert server.generate(**body)["samples"] == answer["samples"]
    streamed = named(events_of(server, **body), "sample")
    assert sorted(streamed, key=lambda sample: int(sample["index"])) == answer["samples"]


def test_a_promise_that_the_limit_breaks_is_said(server: Server) -> None:
    """Of 200 seeds some have two unsure samples first, of the three that may be made."""
    filter = {"any_good": 0.9}
    body = {**BODY, "condition": {"label": "stripes"}}
    answer = server.generate(**body, n=3, filter=filter)
    assert len(answer["samples"]) <= 3
    assert answer["selection"]["any_good"] >= 0.9
    refusal = server.client.post(
        "/v1/generate", json={**body, "n": 1, "filter": {"any_good": 0.99}}
    )
    assert refusal.status_code == 422
    assert "1 may be made" in refusal.json()["detail"]


def test_the_surest_of_each_class_pass(server: Server) -> None:
    answer = server.generate(**BODY, n=12, labels=LABELS, filter={"top": 4, "stratify": True})
    assert counted(answer) == answer["selection"]["accepted_by_class"] == {"half": 2, "stripes": 2}
    plain = server.generate(**BODY, n=12, labels=LABELS, filter={"top": 4})
    assert counted(plain) == {"half": 0, "stripes": 4}


BOTH = replace(KNOWN, calibrated={**KNOWN.calibrated, "elsewhere": [ELSEWHERE]})


def test_every_setting_goes_by_its_own_certificate() -> None:
    lane = replace(LANE, method="euler", tolerance=0.1)
    chosen(lane, card=BOTH, max_bad_rate=0.02)
    assert "no judge" not in refused("filter.max_bad_rate", lane, max_bad_rate=0.02)
    threshold = max(level for level, bound in KNOWN.calibrated["conformal"]["thresholds"])
    assert Certified.of(BOTH, [lane], "f", {}).minimum(0.01) == 0.7 != threshold
    assert Certified.of(BOTH, [LANE], "f", {}).table is KNOWN.calibrated["conformal"]
    alone = replace(KNOWN, calibrated={**CARD.calibrated, "elsewhere": [ELSEWHERE]})
    assert Certified.of(alone, [lane], "f", {}).minimum(0.01) == 0.7


def test_a_setting_without_one_is_refused_by_naming_those_that_have() -> None:
    said = refused("filter.max_bad_rate", replace(LANE, steps=7), card=BOTH, max_bad_rate=0.5)
    assert "method heun, steps 20" in said
    assert "; or for propagated" in said
    assert "method euler, tolerance 0.1" in said


def test_one_that_is_withdrawn_takes_no_other_with_it() -> None:
    lane = replace(LANE, method="euler", tolerance=0.1)
    withdrawn = {version_of(ELSEWHERE): "too many are bad"}
    said = refused("filter.max_bad_rate", lane, card=BOTH, withdrawn=withdrawn, max_bad_rate=0.5)
    assert "too many are bad" in said
    chosen(LANE, card=BOTH, withdrawn=withdrawn, max_bad_rate=0.5)


def test_edited_samples_are_refused_as_such() -> None:
    edited = replace(LANE, origin=Branch(LANE, 3, ()))
    said = refused("filter.max_bad_rate", edited, max_bad_rate=0.5)
    assert "edited samples" in said
