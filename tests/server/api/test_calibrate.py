"""Settings that are calibrated while a server serves, by one call."""

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

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.quantile_map import LIMIT, distance
from sureflow_server.api.job_record import JobRecord
from tests.server.asking import look, place
from tests.server.running import Server, eventually, serving

COARSE: dict[str, Any] = {"method": "euler", "steps": 4}
FINER: dict[str, Any] = {"method": "euler", "steps": 5}
STRIPES: dict[str, Any] = {
    "model": "icons",
    "condition": {"label": "stripes"},
    "sampler": COARSE,
    "confidence": {"method": "path_residual"},
}
DRAWS, FEW = 2000, 800
"""A share is known to 1.36 / n^0.5, which must be within ``LIMIT`` (0.05): it is 0.043 for each of
two classes in ``DRAWS`` of them, and 0.048 for all together in ``FEW``, of whose classes it is
0.068."""
PATH = "/v1/models/icons/calibrate"
ENDED = ("completed", "failed", "cancelled")


@pytest.fixture(scope="module")
def folder(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of which one is calibrated anew."""
    root = tmp_path_factory.mktemp("calibrated") / "models"
    shutil.copytree(models_dir, root)
    return root


@pytest.fixture(scope="module")
def own(folder: Path) -> Iterator[Server]:
    with serving("--models-dir", str(folder), "--default-model", "points") as server:
        yield server


@pytest.fixture(scope="module")
def small(folder: Path) -> Iterator[Server]:
    """One with room for six samples, four of which are in flight at a time."""
    room = ("--max-queued-samples", "6", "--capacity", "4")
    with serving("--models-dir", str(folder), "--default-model", "points", *room) as server:
        yield server


@dataclass(frozen=True)
class Coarse:
    """What was there before the setting ``COARSE`` was calibrated, and the job that did it."""

    made: dict[str, Any]
    card: dict[str, Any]
    refused: dict[str, Any]
    job: dict[str, Any]


@pytest.fixture(scope="module")
def coarse(own: Server) -> Coarse:
    made = own.generate(**STRIPES, n=2, seed=3, rewind={"keep": [0.0]})
    before = card(own)
    refused = own.client.post("/v1/generate", json={**STRIPES, "filter": {"keep": 0.5}})
    return Coarse(made, before, refused.json(), calibrated(own, sampler=COARSE, draws=DRAWS))


def calibrated(server: Server, **body: Any) -> dict[str, Any]:
    """Calibrate a setting; return the job at its end."""
    response = server.client.post(PATH, json=body)
    assert response.status_code == 202, response.text
    job = place(response)
    eventually(lambda: look(server, job)["state"] in ENDED)
    return look(server, job)


def card(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get("/v1/models/icons").json()
    return found


def test_one_call_calibrates_a_setting_and_no_sample_changes(
    own: Server, folder: Path, coarse: Coarse
) -> None:
    made, before, job = coarse.made, coarse.card, coarse.job
    assert not any(sample["confidence_holds"] for sample in made["samples"])
    assert "POST /v1/models/icons/calibrate" in coarse.refused["detail"]

    JobRecord.model_validate(job)
    assert job["state"] == "completed", job["error"]
    assert job["operation"] == "calibrate"
    assert job["progress"]["done"] == job["progress"]["n"] >= DRAWS
    result = job["result"]
    assert result["kept"]
    assert result["calibrated"] == sorted(n for n, e in result["error"].items() if e <= LIMIT)
    assert "path_residual" in result["calibrated"]

    after = card(own)
    assert after["version"] == before["version"]
    assert after["calibration_version"] == result["calibration_version"]
    assert after["calibration_version"] != before["calibration_version"]
    file = Calibration.load(folder / "icons" / "calibration.safetensors")
    assert file.version == after["calibration_version"]
    assert before["calibrated"]["conformal"] == after["calibrated"]["conformal"]

    again = own.generate(**STRIPES, n=2, seed=3)
    assert [s["data"] for s in again["samples"]] == [s["data"] for s in made["samples"]]
    assert all(sample["confidence_holds"] for sample in again["samples"])
    assert again["calibration_version"] == after["calibration_version"]
    assert made["calibration_version"] == before["calibration_version"]
    own.generate(**STRIPES, n=2, filter={"keep": 0.5})
    edit = {"handle": made["samples"][0]["handle"]["id"], "at": {"t": 0.0}}
    assert own.client.post("/v1/edit", json=edit).status_code == 200, "handles stay valid"

    own.kill_worker()
    later = own.generate(**STRIPES, n=2, seed=3)
    assert later["samples"] == again["samples"], "the next worker reads the file"


def confidences(server: Server, sampler: dict[str, Any]) -> list[tuple[Any, bool]]:
    """Of samples of both classes, and whether they are said to be calibrated."""
    found = []
    for label in ("stripes", "half"):
        answer = server.generate(
            model="icons",
            n=800,
            seed=8,
            condition={"label": label},
            sampler=sampler,
            confidence={"method": "path_residual"},
        )
        samples = answer["samples"]
        said = np.array([sample["confidence"] for sample in samples])
        found.append((said, all(sample["confidence_holds"] for sample in samples)))
    return found


@pytest.mark.usefixtures("coarse")
def test_confidence_is_a_share_there_afterwards(own: Server) -> None:
    """Of every class, whose maps are told apart; the tables are made of 100 draws of each."""
    for said, holds in confidences(own, COARSE):
        assert holds
        assert distance(said) < LIMIT + 1.36 / 800**0.5


def test_with_few_draws_nothing_is_said_that_does_not_hold_in_every_class(own: Server) -> None:
    """One map for all would do for all together, and be off in both classes."""
    calibrated(own, sampler=FINER, draws=FEW)
    found = confidences(own, FINER)
    off = max(distance(said) for said, _ in found)
    assert off > LIMIT + 1.36 / 800**0.5, "or the test shows nothing"
    assert not any(holds for _, holds in found)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"draws": 99}, 422, "draws"),
        ({"seed": 5}, 422, "seed"),
        ({"sampler": {"method": "warp"}}, 422, "sampler.method"),
        ({"sampler": {"steps": 10, "tolerance": 0.1}}, 422, "sampler.tolerance"),
        ({"guidance": {"scale": -1}}, 422, "guidance.scale"),
        ({"sampler": {"tolerance": 0.1, "min_steps": 1}}, 422, "sampler"),
        ({"speed": 1}, 422, "speed"),
    ],
    ids=str,
)
def test_what_tells_nothing_is_refused(
    own: Server, body: dict[str, Any], status: int, field: str
) -> None:
    refused = own.client.post(PATH, json=body)
    assert refused.status_code == status, refused.text
    assert [error["field"] for error in refused.json()["errors"]] == [field]


def test_models_without_tables_and_unknown_ones(own: Server) -> None:
    for name, status, kind in (("points", 409, "not-calibrated"), ("none", 404, "unknown-model")):
        refused = own.client.post(f"/v1/models/{name}/calibrate", json={})
        assert refused.status_code == status
        assert refused.json()["type"].endswith(kind)


def begin(server: Server) -> str:
    """Begin a calibration of many batches, of which one is done in no time; wait for the first."""
    begun = server.client.post(PATH, json={"sampler": {"steps": 12}, "draws": 2000})
    assert begun.status_code == 202, begun.text
    job = place(begun)
    eventually(lambda: look(server, job)["state"] == "running")
    return job


def test_few_slots_are_not_in_the_way(small: Server) -> None:
    """Its lanes are in all of them when a request comes, and are begun again later."""
    job = begin(small)
    for seed in range(5):
        assert len(small.generate(model="icons", n=6, seed=seed)["samples"]) == 6
    done = look(small, job)["progress"]["done"]
    eventually(lambda: look(small, job)["progress"]["done"] > done)
    assert small.client.delete(job).status_code == 204


def test_requests_pass_it_by_and_it_takes_no_room_from_them(small: Server) -> None:
    """This one ends the server, and comes last."""
    job = begin(small)
    for seed in range(3):
        assert len(small.generate(model="icons", n=6, seed=seed)["samples"]) == 6
    assert look(small, job)["state"] == "running"
    small.process.send_signal(signal.SIGTERM)
    assert small.process.wait() == 0, "nobody waits for what is idle"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_where_the_folder_cannot_be_written_it_is_in_memory(own: Server, folder: Path) -> None:
    (folder / "icons").chmod(0o555)
    try:
        job = calibrated(own, sampler={"method": "heun", "steps": 3}, draws=400)
    finally:
        (folder / "icons").chmod(0o755)
    assert not job["result"]["kept"]
    assert "cannot be written" in job["result"]["warnings"][0]


def test_a_calibration_that_is_in_no_file_outlives_its_worker(own: Server, folder: Path) -> None:
    """The file is a folder by now, over which nothing can be written."""
    server = own
    version = card(server)["calibration_version"]
    file = folder / "icons" / "calibration.safetensors"
    whole = file.read_bytes()
    begun = server.client.post(
        PATH, json={"sampler": {"method": "euler", "steps": 3}, "draws": 400}
    )
    assert begun.status_code == 202
    job = place(begun)
    beside = folder / "icons" / f".{file.name}.{server.process.pid}"
    beside.mkdir()
    try:
        eventually(lambda: look(server, job)["state"] in ENDED)
        result = look(server, job)["result"]
        assert not result["kept"]
        assert "gone when the server ends" in result["warnings"][0]
        assert file.read_bytes() == whole
        assert card(server)["calibration_version"] == result["calibration_version"] != version
        server.kill_worker()
        answer = server.generate(model="icons", n=1, condition={"label": 0})
        assert answer["calibration_version"] == result["calibration_version"]
    finally:
        beside.rmdir()
