"""What trips the alarm of a certificate: complaints about what was served, and a worse model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sureflow.checkpoint import load
from sureflow.confidence.calibration import CALIBRATION, Calibration
from sureflow.core.lane import Sample
from sureflow.evaluation.judged import judged
from sureflow.learned import LEARNED_FROM
from tests.server.conftest import ICONS, make_checkpoint
from tests.server.running import Server, eventually, serving

REVIEW = "/v1/models/icons/review"
FILTER = {"max_bad_rate": 0.2, "per": "class"}
STRIPES: dict[str, Any] = {"model": "icons", "condition": {"label": "stripes"}}

WORSE = ICONS | {"means": [*ICONS["means"][:2], [0.0] * 16]}
"""Half of its stripes are none."""


@pytest.fixture(scope="module")
def folder(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Icons have a certificate at another setting, too."""
    folder = shutil.copytree(models_dir, tmp_path_factory.mktemp("alarm") / "models")
    model = load(folder / "icons")
    assert model.calibration is not None
    coarse = model.calibration.references[0].at(10)
    table = judged(model, model.calibration, by_truth, "truth", 200, 9, True, coarse)
    model.calibration.certified(table).save(folder / "icons" / CALIBRATION)
    return folder


def by_truth(samples: list[Sample]) -> list[bool]:
    return [truth(sample.data) == "bad" for sample in samples]


@pytest.fixture(scope="module")
def own(folder: Path) -> Iterator[Server]:
    """A server with a certificate that a reviewer has made who knows what is good."""
    with serving("--models-dir", str(folder), "--default-model", "icons") as server:
        for _ in range(4):
            drawn = proposed(server, 50)
            give(server, [{"draw": one["draw"], "verdict": truth(one["data"])} for one in drawn])
        made = server.client.post(REVIEW, json={"replace": True})
        assert made.status_code == 200, made.text
        yield server


def proposed(server: Server, limit: int) -> list[dict[str, Any]]:
    answer = server.client.get(REVIEW, params={"limit": limit, "format": "list"})
    assert answer.status_code == 200, answer.text
    samples: list[dict[str, Any]] = answer.json()["samples"]
    return samples


def truth(data: Any) -> str:
    """Whether there is a picture, whichever."""
    found = np.array(data).ravel()
    near = max(abs(float(found @ np.array(mean))) / 16 for mean in ICONS["means"])
    return "good" if near > 0.5 else "bad"


def give(server: Server, entries: list[dict[str, Any]]) -> list[dict[str, str]]:
    answer = server.client.post("/v1/verdicts", json={"verdicts": entries})
    assert answer.status_code == 200, answer.text
    withdrawn: list[dict[str, str]] = answer.json()["withdrawn"]
    return withdrawn


def certified(server: Server, steps: int = 20) -> int:
    """The status of a request that relies on the certificate."""
    asked = {**STRIPES, "seed": 5, "n": 2, "filter": FILTER, "sampler": {"steps": steps}}
    answer = server.client.post("/v1/generate", json=asked)
    if answer.status_code == 409:
        assert answer.json()["errors"][0]["field"] == "filter.max_bad_rate"
    return answer.status_code


def named(made: dict[str, Any], verdict: str | None, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"response": made["id"], "index": sample["index"], "verdict": verdict}
        for sample in made["samples"][first:]
        if sample["data"] is not None
    ]


def by_handle(made: dict[str, Any], verdict: str | None) -> list[dict[str, Any]]:
    handles = [sample["handle"]["id"] for sample in made["samples"]]
    return [{"handle": handle, "verdict": verdict} for handle in handles]


@pytest.mark.parametrize("name", [named, by_handle])
def test_complaints_about_what_was_served_withdraw_it(
    own: Server, name: Callable[..., list[dict[str, Any]]]
) -> None:
    assert certified(own) == 200
    made = own.generate(**STRIPES, n=100, rewind={})
    (withdrawn,) = give(own, name(made, "bad"))
    assert "samples served of class stripes" in withdrawn["reason"]
    assert certified(own) == 409
    eventually(lambda: own.metric("sureflow_certificate_withdrawn", model="icons") == 1)
    assert own.metric("sureflow_certificate_evidence", model="icons") >= 10
    own.generate(**STRIPES, n=50)  # good ones that come later take nothing away
    assert give(own, name(made, "bad"))[0]["model"] == "icons"
    assert give(own, name(made, None)) == []
    assert certified(own) == 200
    eventually(lambda: own.metric("sureflow_certificate_withdrawn", model="icons") == 0)


def test_a_certificate_of_another_setting_goes_by_itself(own: Server) -> None:
    assert certified(own, 10) == 200
    made = own.generate(**STRIPES, n=100, sampler={"steps": 10})
    (withdrawn,) = give(own, named(made, "bad"))
    assert "samples served of class stripes" in withdrawn["reason"]
    assert certified(own, 10) == 409
    assert certified(own) == 200
    assert own.metric("sureflow_certificate_evidence", model="icons") >= 10
    eventually(lambda: own.metric("sureflow_certificate_withdrawn", model="icons") == 1)
    assert give(own, named(made, None)) == []
    assert certified(own, 10) == 200


def test_a_standing_judge_withdraws_it_by_itself(folder: Path) -> None:
    """Nobody complains; the judge looks at half of what is served, and finds stripes bad."""
    judge = ("--judge", "mine=tests.server.judges:striped", "--standing-judge", "mine")
    options = ("--models-dir", str(folder), "--default-model", "icons", *judge)
    with serving(*options, "--standing-share", "0.5", plugins=folder) as server:
        assert certified(server, 10) == 200
        server.generate(model="icons", condition={"label": "half"}, n=40, sampler={"steps": 10})
        assert certified(server, 10) == 200
        server.generate(**STRIPES, n=60, sampler={"steps": 10}, seed=3)  # of nobody's choice alone
        made = server.generate(**STRIPES, n=60, sampler={"steps": 10})
        eventually(lambda: certified(server, 10) == 409)
        page = server.client.get("/v1/verdicts", params={"model": "icons"}).text
        lines = [json.loads(line) for line in page.splitlines()]
        assert {line["reviewer"] for line in lines} == {"judge:mine"}
        assert {line["seed"] for line in lines} == {made["seed"]}
        assert 0 < len(lines) <= 45  # 30 of 60 at most, and nearly four standard deviations


def test_few_among_many_do_not(own: Server) -> None:
    made = own.generate(**STRIPES, n=100)
    assert give(own, named(made, "bad", 97)) == []
    assert certified(own) == 200
    give(own, named(made, None, 97))


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 900},
        {"sampler": {"steps": 5}},
        {"guidance": {"scale": 2.0}},
        {"filter": {"top": 4, "early": "halving"}},
        {"confidence": {"method": "straightness"}},
    ],
    ids=str,
)
def test_those_that_it_is_not_about_say_nothing(own: Server, other: dict[str, Any]) -> None:
    """Nor do those that a client may have chosen."""
    before = own.client.get(REVIEW, params={"limit": 0}).json()["certificate"]
    made = own.generate(**STRIPES, n=20, **other)
    assert give(own, named(made, "bad")) == []
    after = own.client.get(REVIEW, params={"limit": 0}).json()["certificate"]
    assert after == before
    give(own, named(made, None))


def test_a_worse_model_in_place_of_the_certified_one_is_found(own: Server, folder: Path) -> None:
    """It comes with the tables and the certificate of the other one, as if these were its own."""
    icons = folder / "icons"
    made = Calibration.load(icons / CALIBRATION)
    make_checkpoint(icons, WORSE, media="image", classes=("half", "stripes"))
    settings = made.settings | {LEARNED_FROM: load(icons).digests}
    replace(made, settings=settings).save(icons / CALIBRATION)
    loaded = own.client.post("/v1/models/icons/load", json={})
    assert loaded.status_code == 200, loaded.text
    assert certified(own) == 200
    withdrawn, given = list[dict[str, str]](), 0
    while not withdrawn:
        drawn = proposed(own, 10)
        entries = [{"draw": one["draw"], "verdict": truth(one["data"])} for one in drawn]
        withdrawn, given = give(own, entries), given + 10
        assert given < 300, "it takes all that long"
    assert "fresh random draws" in withdrawn[0]["reason"]
    assert certified(own) == 409
    eventually(lambda: own.metric("sureflow_certificate_withdrawn", model="icons") == 1)
