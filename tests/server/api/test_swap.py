"""Models that come, change and go while the server serves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from sureflow.checkpoint import version_of
from tests.server.conftest import ICONS, POINTS, make_checkpoint
from tests.server.running import Server, eventually, loaders, serving
from tests.server.test_protocol import connect

MOVED = {**POINTS, "means": [[3.0, 1.0], [-3.0, 1.0], [1.0, 3.0]]}
SMALL: dict[str, Any] = {"model": "points", "n": 2, "seed": 4, "sampler": {"steps": 10}}
LONG: dict[str, Any] = {**SMALL, "sampler": {"method": "rk4", "steps": 600}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("swap")
    make_checkpoint(root / "points", POINTS, media="vector")
    make_checkpoint(root / "icons", ICONS, media="image", classes=("half", "stripes"))
    return root


@pytest.fixture(scope="module")
def swapped(root: Path) -> Iterator[Server]:
    with serving("--models-dir", str(root), "--default-model", "points") as server:
        yield server


def replace_points(root: Path, network: dict[str, Any]) -> str:
    """Put another version in the folder, as a whole; return its version."""
    new = root / ".new" / "points"
    make_checkpoint(new, network, media="vector")
    (root / "points").rename(root / ".old")
    new.rename(root / "points")
    shutil.rmtree(root / ".old")
    return version_of(root / "points")


def post(server: Server, path: str) -> Any:
    return server.client.post(f"/v1/models/{path}")


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rsplit(":", 1)[1]


def test_a_model_is_swapped_under_load_without_a_failed_request(
    swapped: Server, root: Path
) -> None:
    first = version_of(root / "points")
    of_version = {first: swapped.generate(**SMALL)["samples"]}
    before = swapped.generate(**SMALL, rewind={"keep": "commit"})["samples"][0]["handle"]["id"]
    over = Event()
    answers: list[dict[str, Any]] = []

    def load() -> None:
        while not over.is_set():
            answers.append(swapped.generate(**SMALL))

    with ThreadPoolExecutor() as threads:
        loading = [threads.submit(load) for _ in range(3)]
        long = threads.submit(swapped.generate, **LONG, deadline_s=600)
        eventually(lambda: swapped.metric("sureflow_num_samples_running") > 0)
        second = replace_points(root, MOVED)
        response = post(swapped, "points/load")
        assert response.status_code == 200, response.text
        assert (response.json()["state"], response.json()["version"]) == ("ready", second)
        after = swapped.generate(**SMALL)
        over.set()
        for each in loading:
            each.result()
        assert long.result()["model_version"] in (first, second)
    assert after["model_version"] == second != first
    of_version[second] = after["samples"]
    assert of_version[first] != of_version[second]
    assert {answer["model_version"] for answer in answers} >= {first}
    for answer in answers:
        assert answer["samples"] == of_version[answer["model_version"]]
    gone = swapped.client.post("/v1/edit", json={"handle": before})
    assert problem(gone) == (409, "version-gone")
    eventually(lambda: len(loaders(swapped.process.pid)) == 1)
    eventually(lambda: swapped.metric("sureflow_num_samples_running") == 0)
    assert swapped.metric("sureflow_worker_restarts_total") == 0
    assert swapped.metric("sureflow_model_loads_total", outcome="ok") == 1


def test_lanes_under_way_finish_on_the_old_version(swapped: Server, root: Path) -> None:
    first = version_of(root / "points")
    body = {**LONG, "sampler": {"method": "rk4", "steps": 1000}, "n": 30}
    with ThreadPoolExecutor() as threads:
        long = threads.submit(swapped.generate, **body)
        eventually(lambda: swapped.metric("sureflow_num_samples_running") > 0)
        second = replace_points(root, POINTS if first != version_of_points(root, POINTS) else MOVED)
        assert post(swapped, "points/load").json()["version"] == second
        answer = long.result()
    assert swapped.generate(**SMALL)["model_version"] == second
    assert answer["model_version"] == first
    assert len(answer["samples"]) == 30


def version_of_points(root: Path, network: dict[str, Any]) -> str:
    folder = root / ".probe" / "points"
    make_checkpoint(folder, network, media="vector")
    return version_of(folder)


def test_what_cannot_be_loaded_changes_nothing(swapped: Server, root: Path) -> None:
    before = swapped.client.get("/v1/models").json()
    kept = root / ".kept"
    shutil.copytree(root / "points", kept)
    weights = root / "points" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5])
    try:
        response = post(swapped, "points/load")
        assert problem(response) == (409, "load-failed")
        assert "model.safetensors" in response.json()["detail"]
        assert problem(post(swapped, "icons/load")) == (409, "load-failed"), "points would be lost"
    finally:
        shutil.rmtree(root / "points")
        kept.rename(root / "points")
    for name in ("nobody", "..", ".kept", "points%2F..", "%00"):
        assert post(swapped, f"{name}/load").status_code == 404, name
    assert problem(post(swapped, "nobody/load")) == (404, "unknown-model")
    assert swapped.client.get("/v1/models").json() == before
    assert swapped.generate(**SMALL)["samples"]
    eventually(lambda: len(loaders(swapped.process.pid)) == 1)


def test_a_model_goes_and_comes_back(swapped: Server, root: Path) -> None:
    body = {"model": "icons", "n": 20, "seed": 1, "sampler": {"method": "rk4", "steps": 100}}
    expected = swapped.generate(**body)["samples"]
    with ThreadPoolExecutor() as threads:
        running = threads.submit(swapped.generate, **body)
        eventually(lambda: swapped.metric("sureflow_num_samples_running", model="icons") > 0)
        response = post(swapped, "icons/unload")
        assert (response.status_code, response.json()["state"]) == (200, "unloaded")
        refused = swapped.client.post("/v1/generate", json=body)
        assert problem(refused) == (503, "model-unloaded")
        assert running.result()["samples"] == expected
    assert swapped.generate(**SMALL)["samples"], "the other is there"
    assert problem(post(swapped, "icons/unload")) == (404, "unknown-model")
    swapped.kill_worker()
    eventually(lambda: swapped.client.get("/health/ready").status_code == 200)
    assert swapped.client.get("/v1/models/icons").json()["state"] == "unloaded", "still"
    assert post(swapped, "icons/load").json()["state"] == "ready"
    assert swapped.generate(**body)["samples"] == expected


def test_a_new_folder_becomes_a_model(swapped: Server, root: Path) -> None:
    make_checkpoint(root / ".new" / "circles", MOVED, media="vector")
    (root / ".new" / "circles").rename(root / "circles")
    assert swapped.client.post("/v1/generate", json={"model": "circles"}).status_code == 404
    assert post(swapped, "circles/load").status_code == 200
    assert swapped.generate(model="circles")["model"] == "circles"


def test_a_load_lasts_as_long_as_its_client_waits(swapped: Server, root: Path) -> None:
    eventually(lambda: len(loaders(swapped.process.pid)) == 1)
    before = swapped.client.get("/v1/models").json()
    first, other = version_of(root / "points"), version_of_points(root, POINTS)
    replace_points(root, POINTS if first != other else MOVED)
    with connect(swapped) as leaving:
        leaving.sendall(b"POST /v1/models/points/load HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: len(loaders(swapped.process.pid)) == 2)
        refused = post(swapped, "points/load")
        assert problem(refused) == (429, "load-under-way")
        assert int(refused.headers["Retry-After"]) > 0
    eventually(lambda: len(loaders(swapped.process.pid)) == 1)
    assert swapped.client.get("/v1/models").json() == before
    assert post(swapped, "points/load").status_code == 200
    assert swapped.client.get("/v1/models").json() != before
