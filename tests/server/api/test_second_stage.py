"""A judge decides about what a filter accepts, in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sureflow.folders import embedded_folder
from tests.server.running import Server, children, eventually, name_of, serving

JUDGES = ("far", "slow", "deadly", "failing", "silent", "many", "leaving", "chatty", "absent")
TIMEOUT_S = 2
BY_SCORE = {"by": "uncertainty", "max": 1e9}


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on ``ring`` with good and bad judges, of which two samples are judged at a time."""
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(embedded_folder() / "ring", models / "ring")
    named = [f"--judge={name}=tests.server.judges:{name}" for name in JUDGES]
    options = (*named, "--judge-processes", "2", "--judge-timeout-s", str(TIMEOUT_S))
    folder = tmp_path_factory.mktemp("plugins")
    with serving("--models-dir", str(models), *options, plugins=folder) as running:
        yield running


def generate(server: Server, judge: str, most: float = 0.0, **said: Any) -> dict[str, Any]:
    criteria = said.pop("criteria", {})
    filter = {**criteria, "then": {"by": f"judge:{judge}", "max": most}, **said.pop("filter", {})}
    body = {"seed": 3, "n": 8, "sampler": {"steps": 8}, "output": {"format": "list"}, **said}
    return server.generate(filter=filter, **body)


def refusal(server: Server, filter: dict[str, Any], path: str = "/v1/generate") -> tuple[str, str]:
    response = server.client.post(path, json={"n": 2, "filter": filter})
    assert response.status_code == 422, response.text
    error = response.json()["errors"][0]
    return error["field"], error["message"]


def plain(server: Server, **said: Any) -> list[dict[str, Any]]:
    body = {"seed": 3, "n": 8, "sampler": {"steps": 8}, "output": {"format": "list"}, **said}
    samples: list[dict[str, Any]] = server.generate(**body)["samples"]
    return samples


def test_the_judge_has_the_last_word(judging: Server) -> None:
    answer, truth = generate(judging, "far", filter={"action": "drop"}), plain(judging)
    first = [sample["data"][0] for sample in truth]
    assert 0 < sum(x <= 0 for x in first) < 8
    for sample, x in zip(answer["samples"], first, strict=True):
        decision = sample["decision"]
        assert decision["action_taken"] == ("accepted" if x <= 0 else "dropped")
        assert (sample["data"] is None) == (x > 0)
        assert decision["then"]["by"] == "judge:far"
        assert decision["then"]["score"] == pytest.approx(x)
        assert decision["then"]["threshold"] == 0
        assert decision["then"]["reason"] == f"score {'≤' if x <= 0 else '>'} threshold"
    judged = answer["usage"]["judged"]
    assert judged["samples"] == 8
    seconds = sum(sample["decision"]["then"]["seconds"] for sample in answer["samples"])
    assert judged["seconds"] == pytest.approx(seconds, abs=1e-5)
    passed = sum(x <= 0 for x in first)
    assert answer["selection"]["accepted_by_class"] == {"": passed}
    assert answer["warnings"] == []


def test_what_judges_were_asked_is_counted(judging: Server) -> None:
    def counts() -> list[float]:
        name = "sureflow_judged_samples_total"
        outcomes = ("accepted", "refused", "none")
        return [judging.metric(name, judge="far", outcome=outcome) for outcome in outcomes]

    before, busy = counts(), judging.metric("sureflow_judge_seconds_total", judge="far")
    answer = generate(judging, "far")
    good = sum(sample["data"][0] <= 0 for sample in answer["samples"])
    found = [now - then for now, then in zip(counts(), before, strict=True)]
    assert found == [good, 8 - good, 0]
    spent = judging.metric("sureflow_judge_seconds_total", judge="far") - busy
    assert spent == pytest.approx(answer["usage"]["judged"]["seconds"], abs=1e-4)


def test_what_the_score_refuses_is_not_judged(judging: Server) -> None:
    answer = generate(judging, "far", criteria={"top": 3}, filter={"action": "drop"})
    asked = ["then" in sample["decision"] for sample in answer["samples"]]
    ranks = np.argsort([-sample["confidence"] for sample in answer["samples"]], kind="stable")
    assert {int(place) for place in np.flatnonzero(asked)} == {int(place) for place in ranks[:3]}
    assert answer["usage"]["judged"]["samples"] == 3


def test_without_a_judge_nothing_is_said_of_one(judging: Server) -> None:
    body = {"seed": 3, "n": 2, "filter": BY_SCORE}
    answer = judging.generate(**body)
    assert "judged" not in answer["usage"]
    assert all("then" not in sample["decision"] for sample in answer["samples"])


def test_samples_are_the_same_with_a_judge(judging: Server) -> None:
    answer = generate(judging, "far", filter={"action": "annotate"})
    truth = [sample["data"] for sample in plain(judging)]
    assert [sample["data"] for sample in answer["samples"]] == truth


def test_a_judge_may_say_yes_and_no(judging: Server) -> None:
    answer = generate(judging, "chatty", 0.5)
    taken = [sample["decision"]["action_taken"] for sample in answer["samples"]]
    right = [sample["data"][0] > 0 for sample in answer["samples"]]
    assert taken == ["annotated" if bad else "accepted" for bad in right]


@pytest.mark.parametrize(
    ("judge", "reason"),
    [
        ("failing", "the judge failed with RuntimeError: no such place"),
        ("silent", "the judge gave no finite number"),
        ("many", "the judge failed with ValueError"),
        ("leaving", "the judge failed with SystemExit: 3"),
        ("absent", "the judge failed with AttributeError"),
    ],
)
def test_a_judge_that_fails_costs_its_value_alone(judging: Server, judge: str, reason: str) -> None:
    answer = generate(judging, judge, 1e9, n=2, filter={"action": "drop"})
    for sample in answer["samples"]:
        then = sample["decision"]["then"]
        assert then["score"] is None
        assert then["reason"].startswith(reason)
        assert sample["decision"]["action_taken"] == "dropped"
    (warning,) = answer["warnings"]
    assert warning.startswith(f"filter.then: judge:{judge} gave no number for 2 of 2 samples")


@pytest.mark.parametrize(
    ("judge", "reason"),
    [
        ("slow", f"the judge took longer than {TIMEOUT_S} s"),
        ("deadly", "the process of the judge died"),
    ],
)
def test_others_are_judged_beside_one_that_hangs_or_dies(
    judging: Server, judge: str, reason: str
) -> None:
    answer = generate(judging, judge)
    bad = [sample["data"][0] > 0 for sample in answer["samples"]]
    assert 0 < sum(bad) < 8
    for sample, silent in zip(answer["samples"], bad, strict=True):
        then = sample["decision"]["then"]
        assert (then["score"] is None) == silent
        assert not silent or then["reason"] == reason
    assert f"{sum(bad)} of 8 samples" in answer["warnings"][0]


def test_there_are_no_more_processes_than_asked_for(judging: Server) -> None:
    generate(judging, "far", n=32)
    assert len(judges(judging)) <= 2


def test_a_judge_that_was_killed_is_replaced(judging: Server) -> None:
    generate(judging, "far")
    for pid in judges(judging):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not judges(judging))
    answer = generate(judging, "far", n=16)
    silent = [s for s in answer["samples"] if s["decision"]["then"]["score"] is None]
    assert len(silent) <= 2  # those that were sent to a process that was gone


def judges(server: Server) -> list[int]:
    found = []
    for pid in children(server.process.pid):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"spawn_main" in words and name_of(pid):
            found.append(pid)
    return found


def test_edits_are_judged_too(judging: Server) -> None:
    body = {"seed": 3, "n": 1, "rewind": {"keep": "commit"}}
    handle = judging.generate(**body)["samples"][0]["handle"]["id"]
    edit = {
        "handle": handle,
        "operations": [{"type": "resample"}],
        "branches": 4,
        "output": {"format": "list"},
        "filter": {"then": {"by": "judge:far", "max": 0}},
    }
    response = judging.client.post("/v1/edit", json=edit)
    assert response.status_code == 200, response.text
    for sample in response.json()["samples"]:
        accepted = sample["decision"]["action_taken"] == "accepted"
        assert accepted == (sample["data"][0] <= 0)


def test_streams_and_handles_have_the_verdict(judging: Server) -> None:
    body = {
        "seed": 3,
        "n": 4,
        "rewind": {"keep": "commit"},
        "filter": {"then": {"by": "judge:far", "max": 0}, "action": "drop"},
    }
    with judging.client.stream(
        "POST", "/v1/generate", json=body, headers={"Accept": "text/event-stream"}
    ) as response:
        text = response.read().decode()
    assert text.count('"by":"judge:far"') >= 4
    assert '"judged"' in text


def test_a_judge_that_is_not_there_is_refused(judging: Server) -> None:
    field, message = refusal(judging, {"then": {"by": "judge:nobody", "max": 0}})
    assert field == "filter.then.by"
    assert message == f"no judge 'nobody'; there are {', '.join(sorted(JUDGES))}"


@pytest.mark.parametrize(
    ("filter", "field"),
    [
        ({"then": {"by": "far", "max": 0}}, "filter.then.by"),
        ({"then": {"by": "judge:far"}}, "filter.then.max"),
        ({"then": {"by": "judge:far", "max": "a"}}, "filter.then.max"),
        ({"then": {"by": "judge:far", "max": 0, "min": 0}}, "filter.then.min"),
        ({"then": 3}, "filter.then"),
        ({}, "filter"),
        ({"min": 0.5, "top": 1, "then": {"by": "judge:far", "max": 0}}, "filter"),
        ({"min": 0.5, "action": "rewind", "then": {"by": "judge:far", "max": 0}}, "filter.then"),
        ({"any_good": 0.9, "then": {"by": "judge:far", "max": 0}}, "filter.then"),
        ({"action": "regenerate", "then": {"by": "judge:far", "max": 0}}, "filter.then"),
    ],
)
def test_bad_input_is_named(judging: Server, filter: dict[str, Any], field: str) -> None:
    assert refusal(judging, filter)[0] == field


def test_accept_makes_no_other_sample_for_one_that_a_judge_refuses(judging: Server) -> None:
    filter = {"min": 0.5, "accept": 2, "then": {"by": "judge:far", "max": 0}}
    response = judging.client.post("/v1/generate", json={"filter": filter})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "filter.then"


def test_judges_end_with_the_server(judging: Server) -> None:
    generate(judging, "far")
    pids = judges(judging)
    assert pids
    judging.process.send_signal(signal.SIGTERM)
    assert judging.process.wait(60) == 0
    eventually(lambda: not any(Path(f"/proc/{pid}/cmdline").exists() for pid in pids))
