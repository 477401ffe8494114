"""Disks that are full, folders that are sealed, frames that are damaged: servers go on."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server.api.test_edit import edit, icon, same
from tests.server.running import Server, serving

DEFAULT = ("--default-model", "points")
STEPS: dict[str, Any] = {"sampler": {"steps": 30}, "rewind": {"keep": "all"}}
LEFT = 64


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(models_dir: Path, folder: Path) -> Iterator[Server]:
    options = ("--models-dir", str(models_dir), *DEFAULT, "--data-dir", str(folder))
    with serving(*options) as running:
        yield running


@pytest.mark.parametrize("fault", ["full", "sealed"])
def test_without_room_on_the_disk_samples_are_made(
    server: Server, folder: Path, fault: str
) -> None:
    """What was kept before is there, and what comes after is kept again."""
    first = icon(server, seed=7, **STEPS)
    with full_disk(server) if fault == "full" else sealed(folder / "handles"):
        warning = without_handles(server, first)
        assert "no handle could be kept" in warning
        assert str(folder) not in warning, "where the store is, is for the log"
        assert server.client.get("/health/ready").status_code == 200
        refused = server.client.post("/v1/edit", json={"handle": "hdl_none"})
        assert refused.status_code == 404
    assert same(edit(server, first, at={"t": 0.5})["samples"][0], first)
    again = icon(server, seed=7, **STEPS)
    assert same(edit(server, again, at={"t": 0.5})["samples"][0], first)
    assert not any("Traceback" in line for line in server.log)


@pytest.mark.parametrize("how", ["bits", "cut", "other"])
def test_damaged_frames_are_made_again(server: Server, folder: Path, how: str) -> None:
    first = icon(server, seed=7, **STEPS)
    whole = edit(server, first, at={"t": 0.5})
    payloads = folder / "handles" / "payloads"
    frames = sorted(payloads.glob(f"{first['handle']['id']}.frame-*"))
    assert len(frames) > 20
    for file in frames:
        data = file.read_bytes()
        flipped = bytes([data[-1] ^ 1])
        file.write_bytes({"bits": data[:-1] + flipped, "cut": data[:-9], "other": b"x"}[how])
    again = edit(server, first, at={"t": 0.5})
    assert same(again["samples"][0], first)
    assert again["usage"]["evaluations"] > whole["usage"]["evaluations"], "made again"
    shown = server.client.get(f"/v1/handles/{first['handle']['id']}/frames")
    assert shown.status_code == 200
    assert not any("Traceback" in line for line in server.log)
