"""Probes that a server fits to verdicts, for a version of their own."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sureflow.checkpoint import load
from sureflow.evaluation.auroc import auroc
from sureflow_server.engine.refit_process import RefitTask
from tests.server.asking import look, place, refusal
from tests.server.running import Server, children, eventually, name_of, serving

PATH = "/v1/models/ring/review/refit"
ENDED = ("completed", "failed", "cancelled")
JUDGED = 150
ASKED: dict[str, Any] = {"model": "ring", "seed": 7, "n": 4, "rewind": {"keep": [0.0, 0.5]}}


def bad(data: Any) -> bool:
    """The law by which samples are judged: those on the right are bad, however sure."""
    return bool(data[0] > 1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("refit") / "models"
    shutil.copytree("models/checkpoints/ring", root / "ring")
    return root


@pytest.fixture(scope="module")
def own(folder: Path) -> Iterator[Server]:
    with serving("--models-dir", str(folder), "--default-model", "ring") as server:
        yield server


def give(server: Server, *entries: dict[str, Any]) -> None:
    for first in range(0, len(entries), 100):
        body = {"verdicts": entries[first : first + 100]}
        response = server.client.post("/v1/verdicts", json=body)
        assert response.status_code == 200, response.text


def begin(server: Server, **body: Any) -> str:
    response = server.client.post(PATH, json=body)
    assert response.status_code == 202, response.text
    return place(response)


def ended(server: Server, job: str) -> dict[str, Any]:
    eventually(lambda: look(server, job)["state"] in ENDED)
    return look(server, job)


def cards(server: Server) -> dict[str, Any]:
    found = server.client.get("/v1/models").json()
    return {each["name"]: each for each in found["models"]}


def refitting(server: Server) -> list[int]:
    """Processes that fit a probe."""
    return [pid for pid in children(server.process.pid) if name_of(pid) == "sureflow-refit"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@dataclass(frozen=True)
class Judged:
    """What there was before anybody asked for a probe, and after the job."""

    made: dict[str, Any]
    card: dict[str, Any]
    files: dict[str, bytes]
    refused: dict[str, Any]
    alike: dict[str, Any]
    job: dict[str, Any]


@pytest.fixture(scope="module")
def judged(own: Server, folder: Path) -> Judged:
    """Samples by two solvers, judged by the law; what is refused on the way is kept."""
    made, card, files = own.generate(**ASKED), cards(own)["ring"], contents(folder / "ring")
    refused = refusal(own.client.post(PATH, json={}), 409, "too-few-verdicts")
    entries: list[dict[str, Any]] = []
    for seed, sampler in ((1, {}), (2, {"method": "euler", "steps": 20})):
        answer = own.generate(model="ring", n=JUDGED // 2, seed=seed, sampler=sampler)
        for sample in answer["samples"]:
            said = "bad" if bad(sample["data"]) else "good"
            entries.append({"response": answer["id"], "index": sample["index"], "verdict": said})
    give(own, *({**entry, "verdict": "good"} for entry in entries))
    alike = refusal(own.client.post(PATH, json={}), 409, "too-few-verdicts")
    give(own, *entries)
    taken = refusal(own.client.post(PATH, json={"name": "ring"}), 422, "validation")
    assert taken["errors"][0]["field"] == "name"
    job = ended(own, begin(own, draws=200))
    return Judged(made, card, files, refused, alike, job)


def test_too_few_verdicts_and_those_of_one_kind_are_refused(judged: Judged) -> None:
    for document, words in (
        (judged.refused, "0 judged samples can be made again, and it takes 50"),
        (judged.alike, "150 samples, and nearly all are said to be as bad"),
    ):
        (error,) = document["errors"]
        assert error["field"] == "verdicts"
        assert error["message"] == words


def test_the_result_says_what_the_probe_is_worth_beside_the_score_in_use(judged: Judged) -> None:
    job = judged.job
    assert job["state"] == "completed", job["error"]
    assert job["operation"] == "refit"
    assert job["progress"]["done"] == job["progress"]["n"] == JUDGED
    result = job["result"]
    assert result["judged"] == JUDGED
    assert 0 < result["bad"] < JUDGED / 2
    assert result["score"] == judged.card["calibrated"]["score"] != "probe"
    auroc, in_use, gain = result["auroc"], result["in_use"], result["gain"]
    assert auroc["low"] <= auroc["value"] <= auroc["high"]
    assert auroc["value"] > 0.9  # it sees where the path goes
    assert in_use["value"] < 0.75  # what it knows is not the law
    assert gain["low"] > 0
    assert gain["value"] == pytest.approx(auroc["value"] - in_use["value"])
    assert result["usage"]["evaluations"] > 20 * JUDGED
    assert result["certificates"] == (judged.card["calibrated"].get("conformal") is not None)


def test_nothing_changes_where_the_model_is_served(
    own: Server, folder: Path, judged: Judged
) -> None:
    assert contents(folder / "ring") == judged.files
    assert {*cards(own)} == {"ring"}
    assert cards(own)["ring"] == judged.card
    assert judged.job["result"]["model_version"] == judged.card["version"]
    again = own.generate(**ASKED)
    assert [s["data"] for s in again["samples"]] == [s["data"] for s in judged.made["samples"]]
    assert [s["confidence"] for s in again["samples"]] == [
        s["confidence"] for s in judged.made["samples"]
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["ring", "ring-2"], "nothing beside"
    assert not refitting(own)


def test_the_version_is_calibrated_by_its_probe_and_has_no_certificate(
    folder: Path, judged: Judged
) -> None:
    result, made = judged.job["result"], load(folder / "ring-2")
    assert (result["name"], made.card.name) == ("ring-2", "ring-2")
    assert result["version"] == made.card.version != judged.card["version"]
    assert result["calibration_version"] == made.card.calibration_version
    assert made.card.probed["draws"] == JUDGED
    assert made.score == "probe"
    assert made.calibration is not None
    assert not made.calibration.certificates
    assert not made.card.warnings


def test_loaded_it_ranks_what_nobody_has_judged_and_old_handles_replay(
    own: Server, judged: Judged
) -> None:
    loaded = own.client.post("/v1/models/ring-2/load")
    assert loaded.status_code == 200, loaded.text
    assert loaded.json()["version"] == judged.job["result"]["version"]
    assert cards(own)["ring"]["version"] == judged.card["version"]
    fresh = own.generate(model="ring-2", n=400, seed=99)
    found = [bad(sample["data"]) for sample in fresh["samples"]]
    unsure = [1 - sample["confidence"] for sample in fresh["samples"]]
    assert auroc(np.array(unsure), np.array(found)) > 0.9
    assert all(sample["confidence_holds"] for sample in fresh["samples"])
    old = judged.made["samples"][1]
    edit = {"handle": old["handle"]["id"], "at": {"t": 0.0}}
    replayed = own.client.post("/v1/edit", json=edit)
    assert replayed.status_code == 200, replayed.text
    assert replayed.json()["samples"][0]["data"] == old["data"]
    rate = {"model": "ring-2", "filter": {"max_bad_rate": 0.5}}
    document = refusal(own.client.post("/v1/generate", json=rate), 422, "validation")
    assert document["errors"][0]["field"] == "filter.max_bad_rate"


@pytest.mark.usefixtures("judged")
def test_a_job_that_is_cancelled_leaves_nothing(own: Server, folder: Path) -> None:
    before = sorted(path.name for path in folder.iterdir())
    job = begin(own, name="ring-3", draws=5000)
    eventually(lambda: bool(refitting(own)))
    assert own.client.delete(job).status_code == 204
    eventually(lambda: not refitting(own))
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.usefixtures("judged")
def test_a_process_that_dies_fails_its_job_alone(own: Server, folder: Path) -> None:
    job = begin(own, name="ring-4", draws=5000)
    eventually(lambda: bool(refitting(own)))
    os.kill(refitting(own)[0], signal.SIGKILL)
    failed = ended(own, job)
    assert failed["state"] == "failed"
    assert "the process that fits the probe died" in failed["error"]["detail"]
    assert not (folder / "ring-4").exists()
    assert ended(own, begin(own, name="ring-4", draws=100))["state"] == "completed"


@pytest.mark.usefixtures("judged")
def test_verdicts_of_another_version_do_not_count(own: Server, folder: Path) -> None:
    """This one changes the model, and comes after all that need verdicts on it."""
    (folder / "ring" / "foresight.safetensors").unlink(missing_ok=True)
    shutil.copyfile(folder / "ring-2" / "probe.safetensors", folder / "ring" / "probe.safetensors")
    assert own.client.post("/v1/models/ring/load").status_code == 200
    document = refusal(own.client.post(PATH, json={}), 409, "too-few-verdicts")
    assert f"{JUDGED} are about other versions of the model" in document["detail"]


@pytest.mark.usefixtures("judged")
def test_nobody_waits_for_it_when_the_server_ends(own: Server, folder: Path) -> None:
    """This one ends the server, and comes last of those that have one."""
    assert own.client.post("/v1/models/ring-2/load").status_code == 200
    answer = own.generate(model="ring-2", n=60, seed=5)
    entries = [
        {
            "response": answer["id"],
            "index": sample["index"],
            "verdict": "bad" if bad(sample["data"]) else "good",
        }
        for sample in answer["samples"]
    ]
    give(own, *entries)
    begun = own.client.post("/v1/models/ring-2/review/refit", json={"draws": 5000})
    job = place(begun)
    eventually(lambda: look(own, job)["progress"]["done"] == 60)
    own.process.send_signal(signal.SIGTERM)
    assert own.process.wait() == 0
    assert not [path.name for path in folder.iterdir() if path.name.startswith((".", "ring-2-"))]


def test_where_it_is_written_until_it_is_whole() -> None:
    task = RefitTask(Path("/models/ring"), "", "ring-2", (), "", 0.5, 100)
    assert task.out == Path("/models/ring-2")
    assert task.beside(5) == Path("/models/.ring-2.5")
