"""More models than there is memory for: they come when they are asked for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import ICONS, POINTS, make_checkpoint
from tests.server.running import Server, eventually, serving

MOVED = {**POINTS, "means": [[3.0, 1.0], [-3.0, 1.0], [1.0, 3.0]]}
NAMES = ("circles", "icons", "points")
SLACK = 64 << 20
"""For code and tables that a small server has not needed."""

ROWS = ("--capacity", "8", "--default-model", "points")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    make_checkpoint(root / "points", POINTS, media="vector")
    make_checkpoint(root / "circles", MOVED, media="vector")
    make_checkpoint(root / "icons", ICONS, media="image", classes=("half", "stripes"))
    return root


@pytest.fixture(scope="module")
def roomy(root: Path) -> Iterator[Server]:
    """A server with room for all of them."""
    with serving("--models-dir", str(root), *ROWS) as server:
        yield server


@pytest.fixture(scope="module")
def narrow(root: Path, roomy: Server) -> Iterator[Server]:
    """One with room for any two of them."""
    sizes = sorted(model_bytes(roomy).values())
    budget = str(sizes[-1] + sizes[-2])
    with serving("--models-dir", str(root), *ROWS, "--model-bytes", budget) as server:
        yield server


def model_bytes(server: Server) -> dict[str, int]:
    """Bytes of the models in memory, by name."""
    sizes = {name: server.metric("sureflow_model_bytes", model=name) for name in NAMES}
    return {name: int(size) for name, size in sizes.items() if size}


def body(name: str, **fields: Any) -> dict[str, Any]:
    return {"model": name, "n": 3, "seed": 5, "sampler": {"steps": 8}, **fields}


def evictions(server: Server) -> float:
    return server.metric("sureflow_model_evictions_total")


def test_all_can_be_asked_for_and_the_default_is_there(narrow: Server, roomy: Server) -> None:
    assert set(model_bytes(roomy)) == {*NAMES}
    models = {each["name"]: each for each in narrow.client.get("/v1/models").json()["models"]}
    assert {each["state"] for each in models.values()} == {"ready"}
    assert [name for name in NAMES if models[name]["loaded"]] == sorted(model_bytes(narrow))
    assert len(model_bytes(narrow)) == 2
    assert models["points"]["loaded"]
    assert narrow.client.get("/health/ready").status_code == 200


def test_who_was_not_used_makes_room_and_samples_are_the_same(
    narrow: Server, roomy: Server
) -> None:
    before, loads = evictions(narrow), narrow.metric("sureflow_model_loads_total", outcome="ok")
    for number, name in enumerate([*NAMES, *NAMES]):
        answer = narrow.generate(**body(name))
        assert answer["samples"] == roomy.generate(**body(name))["samples"]
        inside = model_bytes(narrow)
        assert name in inside
        assert len(inside) <= 2
        if number >= 2:
            assert set(inside) == {NAMES[number % 3], NAMES[(number - 1) % 3]}, "the last two used"
    assert evictions(narrow) - before >= 4
    now = narrow.metric("sureflow_model_loads_total", outcome="ok")
    assert now - loads == evictions(narrow) - before


def test_lanes_that_run_keep_their_model(narrow: Server, roomy: Server) -> None:
    """All at once, so that they have to wait for each other; nobody fails."""
    long = {"n": 20, "sampler": {"method": "rk4", "steps": 12}}
    with ThreadPoolExecutor() as threads:
        answers = [threads.submit(narrow.generate, **body(name, **long)) for name in NAMES * 2]
        for name, answer in zip(NAMES * 2, answers, strict=True):
            assert answer.result()["samples"] == roomy.generate(**body(name, **long))["samples"]
    assert len(model_bytes(narrow)) <= 2


def test_handles_of_a_model_that_is_away_bring_it_back(narrow: Server) -> None:
    made = narrow.generate(**body("circles", rewind={}))["samples"][0]
    for name in ("points", "icons"):
        narrow.generate(**body(name))
    assert "circles" not in model_bytes(narrow)
    edit = {"handle": made["handle"]["id"], "operations": []}
    answer = narrow.client.post("/v1/edit", json=edit)
    assert answer.status_code == 200, answer.text
    assert answer.json()["samples"][0]["data"] == made["data"]
    assert "circles" in model_bytes(narrow)


def test_a_new_worker_knows_them_all(narrow: Server, roomy: Server) -> None:
    inside = model_bytes(narrow)
    narrow.kill_worker()
    eventually(lambda: narrow.client.get("/health/ready").status_code == 200)
    assert model_bytes(narrow) == inside
    for name in NAMES:
        assert narrow.generate(**body(name))["samples"] == roomy.generate(**body(name))["samples"]


@pytest.mark.slow
def test_a_folder_that_has_changed_waits_for_an_administrator(
    start: Callable[..., Server], root: Path, roomy: Server, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(root, models)
    one = max(model_bytes(roomy).values())
    server = start(*ROWS, "--model-bytes", str(one), models=models)
    assert set(model_bytes(server)) == {"points"}
    made = server.generate(**body("circles", rewind={}))["samples"][0]["handle"]["id"]
    server.generate(**body("points"))
    shutil.rmtree(models / "circles")
    make_checkpoint(models / "circles", POINTS, media="vector")
    refused = server.client.post("/v1/generate", json=body("circles"))
    assert refused.status_code == 500
    assert "has changed" in refused.json()["detail"]
    assert server.generate(**body("points"))["samples"], "the others are as they were"
    assert server.client.post("/v1/models/circles/load").json()["loaded"] is True
    assert server.generate(**body("circles"))["samples"]
    gone = server.client.post("/v1/edit", json={"handle": made})
    assert (gone.status_code, gone.json()["type"]) == (409, "urn:sureflow:problem:version-gone")
    assert server.client.post("/v1/models/points/unload").json()["state"] == "unloaded"
    assert server.generate(**body("icons"))["samples"]
    assert server.client.post("/v1/generate", json=body("points")).status_code == 503


@pytest.mark.slow
def test_memory_stays_within_the_budget(
    start: Callable[..., Server], server: Server, tmp_path: Path
) -> None:
    """Eight models of 28 MB each, room for two: resident memory is that of two, time and again."""
    network = {"kind": "mlp", "shape": [2], "width": 1024, "layers": 3}
    names = [f"wide-{number}" for number in range(8)]
    for name in names:
        make_checkpoint(tmp_path / name, network, media="vector")
    size = (tmp_path / names[0] / "model.safetensors").stat().st_size
    budget = int(2.2 * size)
    wide = start(*ROWS[:2], "--model-bytes", str(budget), models=tmp_path)
    base, peaks = resident(server.worker_pid), list[int]()
    for _ in range(3):
        for name in names:
            assert wide.generate(model=name, sampler={"steps": 2})["samples"]
            peaks.append(resident(wide.worker_pid) - base)
    print(f"weights of {size} bytes, budget {budget}; resident bytes beyond a small server {peaks}")
    assert max(peaks) < budget + size + SLACK, "one is on its way while two are there"
    assert max(peaks[-8:]) < max(peaks[:8]) + size, "nothing piles up"
    assert wide.metric("sureflow_model_evictions_total") >= 22


def resident(pid: int) -> int:
    """Bytes of a process that are in memory."""
    (line,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line) * 1024
