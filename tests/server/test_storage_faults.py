"""Disks that are full, folders that are sealed, frames that are damaged: servers go on."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sureflow_server.store.sweeping import EVERY_S
from tests.server.api.test_edit import edit, icon, same
from tests.server.asking import refusal
from tests.server.running import PATIENCE_S, Server, command, eventually

DEFAULT = ("--default-model", "points")
STEPS: dict[str, Any] = {"sampler": {"steps": 30}, "rewind": {"keep": "all"}}
LEFT = 64
LOST = "the folder payloads is not there"


@contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """No file of the server grows any more, as on a disk that is full."""
    pid = server.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (LEFT, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def sealed(folder: Path) -> Iterator[None]:
    """The folder of payloads cannot be written to, and not even root finds a way around that."""
    payloads, aside = folder / "payloads", folder / "aside"
    payloads.rename(aside)
    payloads.touch()
    try:
        yield
    finally:
        payloads.unlink()
        aside.rename(payloads)


def without_handles(server: Server, expected: dict[str, Any]) -> str:
    """Generate once more; the sample is there, its handle is not. Returns the warning."""
    answer = server.generate(model="icons", seed=7, output={"format": "list"}, **STEPS)
    (sample,) = answer["samples"]
    assert same(sample, expected)
    assert sample["handle"] is None
    (warning,) = answer["warnings"]
    return str(warning)


@pytest.mark.parametrize("fault", ["full", "sealed"])
def test_without_room_on_the_disk_samples_are_made(keeping: Server, kept: Path, fault: str) -> None:
    """What was kept before is there, and what comes after is kept again."""
    first = icon(keeping, seed=7, **STEPS)
    with full_disk(keeping) if fault == "full" else sealed(kept / "handles"):
        warning = without_handles(keeping, first)
        assert "no handle could be kept" in warning
        assert str(kept) not in warning, "where the store is, is for the log"
        if fault == "sealed":
            eventually(lambda: not_ready(keeping) == "the store of handles: " + LOST)
        else:
            assert keeping.client.get("/health/ready").status_code == 200
        refused = keeping.client.post("/v1/edit", json={"handle": "hdl_none"})
        assert refused.status_code == 404
    eventually(lambda: keeping.client.get("/health/ready").status_code == 200)
    assert same(edit(keeping, first, at={"t": 0.5})["samples"][0], first)
    again = icon(keeping, seed=7, **STEPS)
    assert same(edit(keeping, again, at={"t": 0.5})["samples"][0], first)
    assert not any("Traceback" in line for line in keeping.log)


def not_ready(server: Server) -> str | None:
    answer = server.client.get("/health/ready")
    if answer.status_code == 200:
        return None
    refusal(answer, 503, "not-ready")
    return str(answer.json()["detail"])


def test_on_a_full_disk_handles_are_read_edited_and_deleted(keeping: Server) -> None:
    first, second = (icon(keeping, seed=seed, **STEPS) for seed in (7, 8))
    with full_disk(keeping):
        for sample in (first, second):
            id = sample["handle"]["id"]
            assert keeping.client.get(f"/v1/handles/{id}").status_code == 200
            assert keeping.client.get(f"/v1/handles/{id}/frames?t=0.5").status_code == 200
            assert same(edit(keeping, sample, at={"t": 0.5})["samples"][0], sample)
            assert keeping.client.delete(f"/v1/handles/{id}").status_code == 204
            refusal(keeping.client.get(f"/v1/handles/{id}"), 404, "unknown-handle")
        listed = {each["id"] for each in keeping.client.get("/v1/handles").json()["handles"]}
        assert not listed & {first["handle"]["id"], second["handle"]["id"]}
    assert icon(keeping, seed=7, **STEPS)["handle"] is not None
    assert not any("Traceback" in line for line in keeping.log)


def test_a_handle_that_has_lost_a_file_can_only_be_deleted(keeping: Server, kept: Path) -> None:
    id = icon(keeping, seed=7, **STEPS)["handle"]["id"]
    path = f"/v1/handles/{id}"
    (kept / "handles" / "payloads" / f"{id}.recipe.safetensors").unlink()
    for answer in (
        keeping.client.get(path),
        keeping.client.get(f"{path}/frames"),
        keeping.client.post("/v1/edit", json={"handle": id}),
    ):
        refusal(answer, 410, "handle-damaged")
    eventually(lambda: "warnings" in keeping.client.get("/health/ready").json())
    assert keeping.client.get("/health/ready").json()["warnings"] == [
        "1 handles are damaged; the log names them"
    ]
    assert keeping.client.delete(path).status_code == 204
    refusal(keeping.client.delete(path), 404, "unknown-handle")
    eventually(lambda: "warnings" not in keeping.client.get("/health/ready").json())
    assert sum(id in line and "damaged" in line for line in keeping.log) == 1


def test_what_is_wrong_with_the_folder_is_said_once(keeping: Server, kept: Path) -> None:
    before = len(keeping.log)
    with sealed(kept / "handles"):
        eventually(lambda: not_ready(keeping) is not None)
        time.sleep(3 * EVERY_S)
    eventually(lambda: not_ready(keeping) is None)
    eventually(lambda: any("well again" in line for line in keeping.log[before:]))
    said = [line for line in keeping.log[before:] if LOST in line]
    assert len(said) == 1
    assert str(kept / "handles") in said[0]


def test_a_store_without_its_index_is_not_served(tmp_path: Path) -> None:
    index = tmp_path / "handles" / "index.sqlite3"
    (tmp_path / "handles" / "payloads").mkdir(parents=True)
    (tmp_path / "handles" / "payloads" / "hdl_x.recipe.safetensors").touch()
    index.touch()
    process = command(*DEFAULT, data_dir=str(tmp_path))
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    _, line = said.splitlines()  # after the one that says what is loaded
    assert line.startswith(f"sureflow: data_dir: {index.parent}: index.sqlite3 is empty")
    assert index.read_bytes() == b""


@pytest.mark.parametrize("how", ["bits", "cut", "other"])
def test_damaged_frames_are_made_again(keeping: Server, kept: Path, how: str) -> None:
    first = icon(keeping, seed=7, **STEPS)
    whole = edit(keeping, first, at={"t": 0.5})
    payloads = kept / "handles" / "payloads"
    frames = sorted(payloads.glob(f"{first['handle']['id']}.frame-*"))
    assert len(frames) > 20
    for file in frames:
        data = file.read_bytes()
        flipped = bytes([data[-1] ^ 1])
        file.write_bytes({"bits": data[:-1] + flipped, "cut": data[:-9], "other": b"x"}[how])
    again = edit(keeping, first, at={"t": 0.5})
    assert same(again["samples"][0], first)
    assert again["usage"]["evaluations"] > whole["usage"]["evaluations"], "made again"
    shown = keeping.client.get(f"/v1/handles/{first['handle']['id']}/frames")
    assert shown.status_code == 200
    assert not any("Traceback" in line for line in keeping.log)
