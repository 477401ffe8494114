"""Disks that are full, folders that are sealed, frames that are damaged: servers go on."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.server.api.test_edit import edit, icon, same
from tests.server.running import Server

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


@pytest.mark.parametrize("fault", ["full", "sealed"])
def test_without_room_on_the_disk_samples_are_made(keeping: Server, kept: Path, fault: str) -> None:
    """What was kept before is there, and what comes after is kept again."""
    first = icon(keeping, seed=7, **STEPS)
    with full_disk(keeping) if fault == "full" else sealed(kept / "handles"):
        warning = without_handles(keeping, first)
        assert "no handle could be kept" in warning
        assert str(kept) not in warning, "where the store is, is for the log"
        assert keeping.client.get("/health/ready").status_code == 200
        refused = keeping.client.post("/v1/edit", json={"handle": "hdl_none"})
        assert refused.status_code == 404
    assert same(edit(keeping, first, at={"t": 0.5})["samples"][0], first)
    again = icon(keeping, seed=7, **STEPS)
    assert same(edit(keeping, again, at={"t": 0.5})["samples"][0], first)
    assert not any("Traceback" in line for line in keeping.log)


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
