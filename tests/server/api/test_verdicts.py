"""Verdicts on what a real server made, the review that proposes it, and the certificate."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sureflow.checkpoint import load
from sureflow.recipe import parse
from sureflow.sampling.sample import run
from tests.server.conftest import Guarded, add_key
from tests.server.running import Server, eventually, serving
from tests.server.store.redis_server import RedisServer

REVIEW = "/v1/models/icons/review"
STRIPES: dict[str, Any] = {"model": "icons", "condition": {"label": "stripes"}}


@contextmanager
def reviewing(models: Path, data: Path, *options: str) -> Iterator[Server]:
    names = ("--models-dir", str(models), "--default-model", "points")
    with serving(*names, "--data-dir", str(data), *options) as server:
        yield server


@pytest.fixture(scope="module")
def folders(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Models that get certificates, and where verdicts are kept."""
    root = tmp_path_factory.mktemp("reviewed")
    shutil.copytree(models_dir, root / "models")
    return root / "models", root / "data"


@pytest.fixture(scope="module")
def own(folders: tuple[Path, Path]) -> Iterator[Server]:
    with reviewing(*folders) as server:
        yield server


def said(response: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.text
    found: dict[str, Any] = response.json()
    return found


def give(server: Server, *entries: dict[str, Any], status: int = 200, **headers: str) -> Any:
    body = {"verdicts": list(entries)}
    return said(server.client.post("/v1/verdicts", json=body, headers=headers), status)


def review(server: Server, **asked: Any) -> dict[str, Any]:
    return said(server.client.get(REVIEW, params={"format": "list", **asked}))


def exported(server: Server, model: str = "icons") -> list[dict[str, Any]]:
    response = server.client.get("/v1/verdicts", params={"model": model})
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def say_again(server: Server, verdict: Any, draws: list[str]) -> dict[str, Any]:
    """Say something else of draws."""
    told: dict[str, Any] = give(server, *({"draw": draw, "verdict": verdict} for draw in draws))
    return told


def bad_draws(server: Server) -> list[str]:
    lines = exported(server)
    return [line["sample"] for line in lines if line["bad"] == 1 and line["stream"] != "served"]


def judge(server: Server, count: int, verdict: Any = "good", **asked: Any) -> dict[str, Any]:
    """Judge so many proposals, and return the last answer."""
    answer: dict[str, Any] = {}
    while count:
        drawn = review(server, limit=min(count, 50), **asked)["samples"]
        entries = [{"draw": sample["draw"], "verdict": verdict} for sample in drawn]
        answer = give(server, *entries)
        count -= len(entries)
    return answer


def test_a_sample_is_named_in_four_ways(server: Server) -> None:
    asked = {**STRIPES, "seed": 71, "n": 3}
    made = server.generate(**asked, rewind={})
    handles = [sample["handle"]["id"] for sample in made["samples"]]
    draw = review(server, limit=1)["samples"][0]["draw"]
    named = [
        {"handle": handles[1]},
        {"response": made["id"], "index": 1},
        {"recipe": asked, "index": 1},
        {"recipe": {**asked, "first": 1, "n": 1}},
        {"response": made["id"], "index": 2},
        {"draw": draw},
    ]
    given = [{**name, "verdict": number} for number, name in enumerate(named)]
    answer = give(server, *given)
    ids = answer["samples"]
    assert len({*ids[:4]}) == 1  # the same sample, whichever way it is named
    assert len({*ids}) == 3
    assert answer["kept"] == 3
    lines = {line["sample"]: line for line in exported(server)}
    first = made["samples"][1]
    assert lines[ids[0]]["bad"] == 3  # the last one counts
    assert lines[ids[4]]["confidence"] == made["samples"][2]["confidence"] is not None
    assert lines[ids[0]]["seed"] == first["seed"]
    assert lines[ids[0]]["stratum"] == "1"
    assert lines[draw]["uncertainty"] > 0
    assert lines[draw]["at"].endswith("Z")
    give(server, *({**name, "verdict": None} for name in named))
    assert not {*ids} & {line["sample"] for line in exported(server)}


def test_a_branch_has_a_verdict_of_its_own(server: Server) -> None:
    made = server.generate(**STRIPES, seed=72, rewind={})
    handle = made["samples"][0]["handle"]["id"]
    body = {"handle": handle, "operations": [{"type": "resample"}], "at": {"t": 0.5}, "rewind": {}}
    edited = said(server.client.post("/v1/edit", json=body))["samples"][0]["handle"]["id"]
    answer = give(server, {"handle": handle, "verdict": 0}, {"handle": edited, "verdict": "bad"})
    assert len({*answer["samples"]}) == answer["kept"] == 2


def test_the_same_key_gets_the_first_answer(server: Server) -> None:
    entry = {"recipe": {**STRIPES, "seed": 73}, "verdict": "bad"}
    before = server.metric("sureflow_verdicts_total", model="icons", verdict="bad")
    first = give(server, entry, **{"Idempotency-Key": "seventy-three"})
    assert give(server, entry, **{"Idempotency-Key": "seventy-three"}) == first
    assert server.metric("sureflow_verdicts_total", model="icons", verdict="bad") == before + 1
    other = {**entry, "verdict": "good"}
    refused = give(server, other, status=422, **{"Idempotency-Key": "seventy-three"})
    assert refused["type"].endswith("idempotency-key-reuse")


RECIPE = {**STRIPES, "seed": 1}


@pytest.mark.parametrize(
    ("entry", "field", "status"),
    [
        ({"verdict": "bad"}, "verdicts.0", 422),
        ({"handle": "hdl_", "draw": "drw_", "verdict": 1}, "verdicts.0", 422),
        ({"draw": "drw_0123456789abcdef_0", "verdict": 1}, "verdicts.0.draw", 404),
        ({"draw": "d" * 10_000, "verdict": 1}, "verdicts.0.draw", 422),
        ({"draw": "dr\x00w", "verdict": 1}, "verdicts.0.draw", 422),
        ({"response": "req_1", "index": 0, "verdict": 1}, "verdicts.0.response", 404),
        ({"response": "req_1", "verdict": 1}, "verdicts.0", 422),
        ({"recipe": STRIPES, "verdict": 1}, "verdicts.0", 422),
        ({"recipe": RECIPE, "index": 5, "verdict": 1}, "verdicts.0.index", 422),
        ({"recipe": {**RECIPE, "model": "x"}, "verdict": 1}, "verdicts.0.recipe.model", 404),
        (
            {"recipe": {**RECIPE, "condition": {"label": "x"}}, "verdict": 1},
            "verdicts.0.recipe",
            422,
        ),
        ({"recipe": {**RECIPE, "sampler": {"steps": 0}}, "verdict": 1}, "verdicts.0.recipe", 422),
        ({"recipe": RECIPE, "verdict": "so so"}, "verdicts.0.verdict", 422),
        ({"recipe": RECIPE, "verdict": 1e31}, "verdicts.0.verdict", 422),
        ({"recipe": RECIPE, "verdict": True}, "verdicts.0.verdict", 422),
        ({"recipe": RECIPE, "verdict": 1, "confidence": 1}, "verdicts.0.confidence", 422),
        ({"recipe": RECIPE}, "verdicts.0.verdict", 422),
    ],
    ids=str,
)
def test_what_is_no_verdict_is_refused_by_the_field(
    server: Server, entry: dict[str, Any], field: str, status: int
) -> None:
    response = server.client.post("/v1/verdicts", json={"verdicts": [entry]})
    problem = said(response, status)
    assert problem["errors"][0]["field"].startswith(field)
    assert len(response.content) <= 4096


def test_all_are_kept_or_none(server: Server) -> None:
    good = {"recipe": {**RECIPE, "seed": 74}, "verdict": "good"}
    before = exported(server)
    problem = give(server, good, {"handle": "hdl_" + "a" * 22, "verdict": "good"}, status=404)
    assert problem["type"].endswith("unknown-handle")
    many = [good] * 101
    assert give(server, *many, status=422)["errors"][0]["field"] == "verdicts"
    assert give(server, status=422)["errors"][0]["field"] == "verdicts"
    assert exported(server) == before


def test_the_export_says_how_to_make_the_samples_again(server: Server, models_dir: Path) -> None:
    made = server.generate(**STRIPES, n=2, sampler={"steps": 5}, output={"format": "list"})
    drawn = review(server, limit=2)["samples"]
    named = [{"response": made["id"], "index": index} for index in (0, 1)]
    named += [{"draw": sample["draw"]} for sample in drawn]
    ids = give(server, *({**name, "verdict": "good"} for name in named))["samples"]
    recipes = {line["sample"]: line["recipe"] for line in exported(server)}
    model = load(models_dir / "icons")
    for id, sample in zip(ids, [*made["samples"], *drawn], strict=True):
        (again,) = run(model, [parse(b64decode(recipes[id]))])
        assert np.array_equal(again.data, np.array(sample["data"], np.float32))
    give(server, *({**name, "verdict": None} for name in named))


def test_the_export_is_a_table_too(server: Server) -> None:
    give(server, {"recipe": {**RECIPE, "seed": 75}, "verdict": 0.25})
    url = "/v1/verdicts?model=icons"
    page = server.client.get(url, headers={"Accept": "text/csv"})
    rows = [*csv.DictReader(StringIO(page.text))]
    assert page.headers["content-type"].startswith("text/csv")
    assert next(row for row in rows if row["seed"] == "75")["verdict"] == "0.25"
    assert server.client.get(url, headers={"Accept": "image/png"}).status_code == 406
    assert server.client.get("/v1/verdicts").status_code == 422
    assert exported(server, "points") == []


def test_a_review_proposes_draws_blind(server: Server) -> None:
    found = review(server, limit=6)
    assert len(found["samples"]) == 6
    assert not {"confidence", "uncertainty"} & found["samples"][0].keys()
    assert {sample["label"] for sample in found["samples"]} <= {"half", "stripes"}
    told = review(server, limit=6, scores=True)["samples"]
    assert [each["draw"] for each in told] == [each["draw"] for each in found["samples"]]
    assert sum(each["confidence"] >= 0.5 for each in told) >= 4
    assert review(server, limit=0)["samples"] == []


def test_what_is_proposed_is_what_the_model_makes(server: Server) -> None:
    found = review(server, limit=3, focus=0)
    setting = found["setting"]
    for sample in found["samples"]:
        stream, index = sample["draw"].removeprefix("drw_").split("_")
        again = server.generate(
            model="icons",
            seed=int(stream, 16) >> 11,
            first=int(index),
            condition={"label": sample["label"]},
            sampler={"method": setting["method"], "steps": setting["steps"]},
            guidance={"scale": setting["guidance"]},
            output={"format": "list"},
        )
        assert again["samples"][0]["data"] == sample["data"]


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/v1/models/none/review", {}, 404),
        ("/v1/models/points/review", {}, 409),
        (REVIEW, {"limit": 65}, 422),
        (REVIEW, {"focus": 2}, 422),
        (REVIEW, {"focus": "nan"}, 422),
        (REVIEW, {"max_bad_rate": 0}, 422),
        (REVIEW, {"bad_above": "inf"}, 422),
        (REVIEW, {"format": "cif"}, 422),
    ],
    ids=str,
)
def test_reviews_that_cannot_be(
    server: Server, path: str, asked: dict[str, Any], status: int
) -> None:
    problem = said(server.client.get(path, params=asked), status)
    assert problem["type"].startswith("urn:sureflow:problem:")


def test_who_may_review(guarded: Guarded) -> None:
    tokens = guarded.tokens
    made = said(guarded.generate("all", **STRIPES, seed=76))
    entry = {"response": made["id"], "index": 0, "verdict": "bad"}
    body = {"verdicts": [entry]}

    def posted(token: str) -> httpx.Response:
        return guarded.request("POST", "/v1/verdicts", token, json=body)

    assert posted(tokens["generate"]).status_code == 403
    assert posted(tokens["review"]).status_code == 404  # an answer to somebody else
    token = add_key(guarded.file, "generate", "review", name="ann")
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{guarded.server.url}/v1/generate"
    own = said(httpx.post(url, json={**STRIPES, "seed": 77}, headers=headers))
    entry["response"] = own["id"]
    assert said(posted(token))["reviewer"] == "ann"
    page = guarded.request("GET", "/v1/verdicts?model=icons", tokens["admin"])
    (line,) = [json.loads(one) for one in page.text.splitlines() if '"ann"' in one]
    assert line["key"] == token.split("_")[1]
    assert guarded.request("GET", REVIEW, tokens["edit"]).status_code == 403
    assert guarded.request("POST", REVIEW, tokens["edit"], json={}).status_code == 403


# The tests from here on change the server that is theirs, one after the other.


def test_nothing_follows_from_few_verdicts(own: Server) -> None:
    refused = said(own.client.post(REVIEW, json={}), 409)
    assert refused["type"].endswith("too-few-verdicts")
    before = review(own, limit=0, max_bad_rate=0.1)["needed"]["verdicts"]
    judge(own, 10, focus=0.5)
    found = review(own, limit=0, max_bad_rate=0.1)
    assert (found["judged"], found["reviewers"]) == (10, {"": 10})
    assert found["needed"]["verdicts"] < before
    assert review(own, limit=1)["samples"][0]["draw"] not in {l["sample"] for l in exported(own)}


def test_verdicts_make_a_certificate_that_filters_go_by(own: Server) -> None:
    needed = review(own, limit=0, max_bad_rate=0.1)["needed"]["verdicts"]
    judge(own, needed * 4 // 3 + 2)
    found = review(own, limit=0, max_bad_rate=0.1)
    assert found["needed"]["verdicts"] == 0
    assert found["smallest"] <= 0.1
    curve = found["curve"]
    assert [point["confidence"] for point in curve] == sorted(
        (point["confidence"] for point in curve), reverse=True
    )
    filtered = {**STRIPES, "seed": 5, "n": 4, "filter": {"max_bad_rate": 0.1}}
    old = own.generate(**STRIPES, seed=5)
    refused = said(own.client.post(REVIEW, json={}), 409)
    assert "replace" in refused["detail"]  # a judge has certified less than a tenth
    same = own.generate(**filtered)
    assert same["calibration_version"] == old["calibration_version"]
    certified = said(own.client.post(REVIEW, json={"replace": True}))
    assert certified["certificate"]["judge"] == "review"
    assert certified["certificate"]["withdrawn"] is None
    new = own.generate(**filtered)
    assert new["calibration_version"] == certified["calibration_version"]
    assert new["calibration_version"] != old["calibration_version"]
    assert new["model_version"] == old["model_version"]
    assert new["samples"][0]["confidence"] == old["samples"][0]["confidence"]
    card = said(own.client.get("/v1/models/icons"))["calibrated"]["conformal"]
    assert card["judge"] == "review"
    assert new["samples"][0]["decision"]["threshold"] == min(
        confidence for confidence, bound in card["thresholds"] if bound <= 0.1
    )


def test_verdicts_on_chosen_samples_make_no_certificate_and_no_alarm(own: Server) -> None:
    before = review(own, limit=0)
    give(own, *({"recipe": {**STRIPES, "seed": n}, "verdict": "bad"} for n in range(100)))
    after = review(own, limit=0)
    assert after["curve"] == before["curve"]
    assert after["certificate"] == before["certificate"]


def test_a_certificate_is_withdrawn_when_fresh_draws_contradict_it(own: Server) -> None:
    answer, given = {"withdrawn": []}, 0
    while not answer["withdrawn"]:
        answer = judge(own, 4, "bad")
        given += 4
        assert given < 100, "it takes all that long"
    assert answer["withdrawn"][0]["model"] == "icons"
    filtered = {**STRIPES, "seed": 5, "n": 4, "filter": {"max_bad_rate": 0.1}}
    refused = said(own.client.post("/v1/generate", json=filtered), 409)
    assert refused["type"].endswith("certificate-withdrawn")
    (error,) = refused["errors"]
    assert error["field"] == "filter.max_bad_rate"
    reason = answer["withdrawn"][0]["reason"]
    assert re.fullmatch(r"\d+ of the first \d+ fresh random draws .* evidence \S+", reason)
    assert reason in error["message"]
    where = re.search(r"GET (\S+) shows", error["message"])
    assert where is not None
    shown = said(own.client.get(where[1], params={"limit": 0}), 200)
    assert shown["certificate"]["withdrawn"] == reason
    assert own.metric("sureflow_certificate_withdrawn", model="icons") == 1
    assert own.metric("sureflow_certificate_withdrawals_total", model="icons") == 1


@pytest.mark.parametrize("instead", [None, "good"])
def test_it_holds_again_when_the_verdicts_are_others(own: Server, instead: str | None) -> None:
    filtered = {**STRIPES, "seed": 5, "n": 4, "filter": {"max_bad_rate": 0.1}}
    total = own.metric("sureflow_certificate_withdrawals_total", model="icons")
    draws = bad_draws(own)
    assert say_again(own, instead, draws)["withdrawn"] == []
    assert len(own.generate(**filtered)["samples"]) == 4
    assert review(own, limit=0)["certificate"]["withdrawn"] is None
    assert own.metric("sureflow_certificate_withdrawn", model="icons") == 0
    assert own.metric("sureflow_certificate_evidence", model="icons") < 10
    assert say_again(own, "bad", draws)["withdrawn"][0]["model"] == "icons"
    said(own.client.post("/v1/generate", json=filtered), 409)
    assert own.metric("sureflow_certificate_withdrawals_total", model="icons") == total + 1


def test_a_killed_server_has_lost_nothing(own: Server, folders: tuple[Path, Path]) -> None:
    before, found = exported(own), review(own, limit=2)
    own.process.send_signal(signal.SIGKILL)
    own.process.wait()
    with reviewing(*folders) as again:
        assert exported(again) == before
        assert review(again, limit=2) == found
        eventually(lambda: again.metric("sureflow_certificate_withdrawn", model="icons") == 1)
        filtered = {**STRIPES, "filter": {"max_bad_rate": 0.1}}
        assert again.client.post("/v1/generate", json=filtered).status_code == 409
        draws = bad_draws(again)
        say_again(again, None, draws)
        again.generate(**filtered)
        say_again(again, "bad", draws)
        assert again.client.post("/v1/generate", json=filtered).status_code == 409
        # What was contradicted counts in the next certificate, which is held to be true.
        certified = said(again.client.post(REVIEW, json={}))["certificate"]
        assert certified["withdrawn"] is None
        assert certified["smallest"] > 0.1


@pytest.mark.slow
def test_two_reviewers_over_one_redis_see_different_draws(
    redis: RedisServer, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    tokens = [add_key(file, "review", name=name) for name in ("ann", "bob")]
    shared = ("--store", f"{redis.url}?db=7", "--api-keys-file", str(file))
    one, two = (
        reviewing(
            shutil.copytree(folders[0], tmp_path / f"models-{name}"), tmp_path / name, *shared
        )
        for name in "ab"
    )
    with one as first, two as second:
        for server, token in zip((first, second), tokens, strict=True):
            server.client.headers["Authorization"] = f"Bearer {token}"
            judge(server, 1)
        seen = [
            {s["draw"] for s in review(server, limit=8)["samples"]} for server in (first, second)
        ]
        assert not seen[0] & seen[1]
        for server, draws in zip((first, second), seen, strict=True):
            give(server, *({"draw": draw, "verdict": "good"} for draw in sorted(draws)))
        found = review(first, limit=0)
        assert found["reviewers"] == {"ann": 9, "bob": 9}
        assert exported(first) == exported(second)
        told, given = judge(first, 8, "bad"), 8
        while not told["withdrawn"] and given < 100:
            told, given = judge(first, 8, "bad"), given + 8
        filtered = {**STRIPES, "filter": {"max_bad_rate": 0.9}}
        token = add_key(file, "generate")
        headers = {"Authorization": f"Bearer {token}"}

        def answers(status: int) -> bool:
            told = second.client.post("/v1/generate", json=filtered, headers=headers)
            return told.status_code == status

        eventually(lambda: answers(409))
        assert told["withdrawn"][0]["model"] == "icons"
        say_again(first, None, bad_draws(first))
        eventually(lambda: answers(200))
        # A certificate that one of them makes is that of both, though each has a folder of its own.
        made = said(first.client.post(REVIEW, json={"replace": True}))
        eventually(lambda: review(second, limit=0)["certificate"] == made["certificate"])
        told = second.client.post("/v1/generate", json=STRIPES, headers=headers).json()
        assert told["calibration_version"] == made["calibration_version"]
