"""Reviews of edited draws, and certificates that hold for that edit alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sureflow.core.lane import Branch
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.api.edited_draws import edit_key
from tests.server.asking import refusal
from tests.server.running import Server, serving

REVIEW = "/v1/models/ring/review"
EDIT: dict[str, Any] = {"step": 10, "operations": [{"type": "resample"}]}
RATE = {"max_bad_rate": 0.2}


def verdict(data: Any) -> str:
    """The law: a point far from the circle is bad."""
    return "bad" if abs(np.linalg.norm(data) - 2) > 0.4 else "good"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("edited") / "models"
    shutil.copytree(Path("models/checkpoints/ring"), root / "ring")
    with serving("--models-dir", str(root), "--default-model", "ring") as server:
        yield server


def review(server: Server, limit: int = 0, edit: Any = EDIT, **asked: Any) -> dict[str, Any]:
    params = {"limit": limit, "format": "list", **asked}
    if edit is not None:
        params["edit"] = json.dumps(edit)
    response = server.client.get(REVIEW, params=params)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def give(server: Server, samples: list[dict[str, Any]], said: str | None = None) -> dict[str, Any]:
    entries = [{"draw": s["draw"], "verdict": said or verdict(s["data"])} for s in samples]
    response = server.client.post("/v1/verdicts", json={"verdicts": entries})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def edited(server: Server, **asked: Any) -> Any:
    """The answer to an edit of a fresh sample that goes by the certificate."""
    made = server.generate(model="ring", rewind={"keep": [0.0]}, **asked.pop("made", {}))
    handle = made["samples"][0]["handle"]["id"]
    body = {
        "handle": handle,
        "at": {"step": EDIT["step"]},
        "operations": EDIT["operations"],
        "branches": 4,
        "filter": RATE,
        **asked,
    }
    return server.client.post("/v1/edit", json=body)


@pytest.fixture(scope="module")
def certified(own: Server) -> dict[str, Any]:
    """What a certificate of the edit changed, made of verdicts by the law."""
    refused = refusal(edited(own), 422, "validation")
    before = own.client.get("/v1/models/ring").json()
    while review(own, max_bad_rate=RATE["max_bad_rate"])["needed"]["verdicts"]:
        give(own, review(own, 48)["samples"])
    made = own.client.post(REVIEW, json={"edit": EDIT, "replace": True})
    assert made.status_code == 200, made.text
    return {"refused": refused, "before": before, "made": made.json()}


def test_a_proposed_draw_is_the_edit_that_a_client_makes(own: Server) -> None:
    """Which a client can make only once it is told the seeds, by the certificate."""
    first, again = review(own, 2), review(own, 2)
    assert first["edit"] == EDIT
    assert [s["data"] for s in first["samples"]] == [s["data"] for s in again["samples"]]
    spelled = {**EDIT, "operations": [{"type": "resample", "strength": 1.0, "region": "all"}]}
    assert review(own, edit=spelled)["stream"] == first["stream"], "no other draws to choose from"
    plain = review(own, 2, edit=None)
    assert plain["edit"] is None
    assert plain["stream"] != first["stream"]
    assert plain["setting"] == first["setting"]


def test_an_edit_that_was_not_judged_is_refused_and_one_that_was_is_served(
    own: Server, certified: dict[str, Any]
) -> None:
    (error,) = certified["refused"]["errors"]
    assert error["field"] == "filter.max_bad_rate"
    before, after = certified["before"], own.client.get("/v1/models/ring").json()
    assert after["calibration_version"] != before["calibration_version"]
    assert after["version"] == before["version"]
    (table,) = after["calibrated"]["elsewhere"]
    assert {name: table["edit"][name] for name in EDIT} == EDIT
    assert table["judge"] == "review"
    assert after["calibrated"].get("conformal") == before["calibrated"].get("conformal")

    served = edited(own)
    assert served.status_code == 200, served.text
    decision = served.json()["samples"][0]["decision"]
    assert decision["reason"].startswith("conformal: bad rate <= 0.2 at 90 %")

    (number, seed) = (3, table["seed"])
    made = own.generate(model="ring", seed=seed, first=number, n=1, rewind={"keep": [0.0]})
    body = {
        "handle": made["samples"][0]["handle"]["id"],
        "at": {"step": EDIT["step"]},
        "operations": EDIT["operations"],
        "seed": seed + 1,
        "first": number,
    }
    redone = own.client.post("/v1/edit", json=body)
    lines = own.client.get("/v1/verdicts", params={"model": "ring"}).text.splitlines()
    said = {line["sample"]: line for line in map(json.loads, lines)}
    draw = said[f"drw_{table['stream']}_{number}"]
    assert redone.status_code == 200, redone.text
    sample = redone.json()["samples"][0]
    assert draw["uncertainty"] == pytest.approx(sample["uncertainty"])
    assert draw["confidence"] == pytest.approx(sample["confidence"])
    assert draw["verdict"] == verdict(sample["data"])


@pytest.mark.usefixtures("certified")
@pytest.mark.parametrize(
    "other",
    [
        {"at": {"step": 9}},
        {"operations": [{"type": "resample", "strength": 0.5}]},
        {"operations": [], "branches": 1},
        {"made": {"sampler": {"method": "euler", "steps": 20}}},
        {"sampler": {"steps": 40}},
    ],
    ids=str,
)
def test_another_edit_is_refused_with_the_one_that_was_judged(
    own: Server, other: dict[str, Any]
) -> None:
    (error,) = refusal(edited(own, **other), 422, "validation")["errors"]
    assert error["field"] == "filter.max_bad_rate"
    assert error["message"].endswith("left at step 10 for resample")


@pytest.mark.usefixtures("certified")
def test_an_edit_of_an_edit_and_any_good_are_refused(own: Server) -> None:
    first = edited(own, filter=None, branches=1, rewind={"keep": [0.0]}).json()["samples"][0]
    body = {"handle": first["handle"]["id"], "at": {"step": 10}, "filter": RATE}
    body["operations"] = EDIT["operations"]
    refusal(own.client.post("/v1/edit", json=body), 422, "validation")
    (error,) = refusal(edited(own, filter={"any_good": 0.9}), 422, "validation")["errors"]
    assert error["field"] == "filter.any_good"


@pytest.mark.usefixtures("certified")
def test_verdicts_on_edits_count_for_nothing_else(own: Server) -> None:
    assert review(own)["judged"] > 40
    assert review(own, edit=None)["judged"] == 0
    assert review(own, edit={**EDIT, "step": 12})["judged"] == 0


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        ("{", "edit"),
        ('{"step": 10, "speed": 1}', "edit"),
        ('{"step": 20}', "edit.step"),
        ('{"step": 1, "operations": [{"type": "fly"}]}', "edit.operations.0"),
    ],
)
def test_what_is_no_edit_of_draws_is_refused(own: Server, edit: str, field: str) -> None:
    answer = own.client.get(REVIEW, params={"edit": edit, "limit": 0})
    (error,) = refusal(answer, 422, "validation")["errors"]
    assert error["field"].startswith(field)


@pytest.mark.usefixtures("certified")
def test_later_verdicts_withdraw_the_certificate_of_the_edit_alone(own: Server) -> None:
    """This one comes last."""
    answer = {"withdrawn": []}
    for _ in range(6):
        answer = give(own, review(own, 48)["samples"], "bad")
        if answer["withdrawn"]:
            break
    assert answer["withdrawn"]
    refusal(edited(own), 409, "certificate-withdrawn")
    plain = own.client.post("/v1/generate", json={"model": "ring", "filter": {"max_bad_rate": 0.5}})
    (error,) = refusal(plain, 422, "validation")["errors"]
    assert error["message"].startswith("samples from noise alone are certified nothing")
    assert review(own)["certificate"]["withdrawn"]


def test_what_tells_an_edit_from_others() -> None:
    parent = FlowSpec(1, 2, label=3)
    lane = FlowSpec(4, 5, label=3, origin=Branch(parent, 10, (Resample(),)))
    key = edit_key(lane)
    assert key is not None
    for alike in (
        replace(lane, seed=9, index=8, scores=("propagated",), keep=(0.5,)),
        replace(lane, label=7, origin=Branch(replace(parent, seed=2, label=7), 10, (Resample(),))),
    ):
        assert edit_key(alike) == key
    for other in (
        replace(lane, origin=Branch(parent, 11, (Resample(),))),
        replace(lane, origin=Branch(parent, 10, (Resample(0.5),))),
        replace(lane, origin=Branch(parent, 10, ())),
        replace(lane, steps=21),
        replace(lane, origin=Branch(replace(parent, steps=21), 10, (Resample(),))),
    ):
        assert edit_key(other) not in (key, None)
    for none in (parent, replace(lane, label=1), replace(lane, origin=Branch(lane, 1, ()))):
        assert edit_key(none) is None
