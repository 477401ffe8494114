"""A wall clock that jumps: what is under way does not notice, and lifetimes go by it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import sureflow_server
from tests.server.asking import place
from tests.server.clock import Clock
from tests.server.running import Server, eventually

DAY = 86_400.0
LONG: dict[str, Any] = {"n": 4, "seed": 5, "sampler": {"method": "rk4", "steps": 200}}

WALL = {
    "api/background.py",
    "api/handle_options.py",
    "api/openai/image_answer.py",
    "api/openai/image_stream.py",
    "api/review.py",
    "api/standing_judge.py",
    "api/verdicts.py",
    "keys/commands.py",
    "keys/ring.py",
    "store/embedded.py",
    "traces.py",
}
"""Where moments are told to people, or must outlive the process."""


@pytest.fixture
def clock(wall_clock: Clock) -> Iterator[Clock]:
    """The clock of the server that is watched, right before and after."""
    yield wall_clock
    wall_clock.jump(0)


@pytest.mark.parametrize("seconds", [DAY, -DAY])
def test_what_is_under_way_does_not_notice(watched: Server, clock: Clock, seconds: float) -> None:
    expected = watched.generate(**LONG)["samples"]
    done = place(
        watched.client.post("/v1/generate", json={"seed": 1}, headers={"Prefer": "respond-async"})
    )
    eventually(lambda: watched.client.get(done).json()["state"] == "completed")
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(watched.generate, **LONG, deadline_s=600)
        eventually(lambda: watched.metric("sureflow_num_samples_running") >= 4)
        clock.jump(seconds)
        assert answer.result()["samples"] == expected
    assert watched.client.get(done).json()["result"]["samples"], "an hour has not passed"
    assert watched.generate(**LONG)["samples"] == expected
    assert watched.metric("sureflow_worker_restarts_total") == 0
    assert not any("Traceback" in line for line in watched.log)


def test_lifetimes_of_handles_go_by_it(watched: Server, clock: Clock) -> None:
    server = watched

    def handle() -> str:
        sample = server.generate(seed=1, rewind={"ttl_s": 3600})["samples"][0]
        return f"/v1/handles/{sample['handle']['id']}"

    first = handle()
    clock.jump(-DAY)
    assert server.client.get(first).status_code == 200, "it was made tomorrow"
    second = handle()
    assert server.client.get(second).status_code == 200
    clock.jump(DAY)
    assert server.client.get(first).status_code == 410
    assert server.client.get(second).status_code == 410
    third = handle()
    assert server.client.get(third).status_code == 200
    assert server.client.get("/v1/handles").status_code == 200
    assert not any("Traceback" in line for line in server.log)


def wall_clocks(file: Path) -> Iterator[str]:
    """Readings of the wall clock in a module."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from ({each.name for each in node.names} & {"time", "time_ns"})
        if isinstance(node, ast.Attribute) and node.attr in ("time", "time_ns", "now", "utcnow"):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner in ("time", "datetime"):
                yield node.attr


def test_durations_are_by_a_clock_that_does_not_jump() -> None:
    """The wall clock is read in a few places alone, and no duration is told by it."""
    root = Path(sureflow_server.__file__).parent
    found = {str(file.relative_to(root)) for file in root.rglob("*.py") if [*wall_clocks(file)]}
    assert found == WALL
