"""No callback of the event loop does much at a time, however much is asked for."""

from __future__ import annotations

import asyncio
import shutil
from itertools import count

import pytest

from benchmarks.hostile.callbacks import TURN, Callbacks
from benchmarks.hostile.loop import Seen, begin, crowd, measured, press, table
from sureflow.folders import embedded_folder

MOST_CALLS = 20_000
"""Of functions, by one callback: less than twenty for each of a thousand samples, as to make a lane
or to count a sample takes."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(embedded_folder() / "ring", models / "ring")
    with measured("calls", "--models-dir", str(models)) as (client, seen):
        press(client, "ring", 2)  # what happens once is not looked at
        begin(client)
        press(client, "ring")
        crowd(client, "ring", 64)
    return seen


def test_no_callback_calls_many_functions(seen: Seen) -> None:
    callbacks = [row for row in seen if row[1] != TURN]
    assert callbacks[0][-1] < MOST_CALLS, table(seen, "calls")


def test_all_that_was_asked_is_among_them(seen: Seen) -> None:
    routes = {route for route, _, _ in seen}
    assert {"POST /v1/generate", "POST /v1/invert", "POST /v1/edit"} <= routes
    assert {"POST /v2/models/ring/infer", "GET /v1/jobs/{id}/events"} <= routes
    assert any(name.endswith("Supervisor._received") for _, name, _ in seen) or len(seen) > 20


def test_what_a_callback_does_is_counted() -> None:
    """Or the first test could not fail."""
    counted = count(0, 7)
    found = Callbacks(lambda: next(counted))
    found.begin()
    with found.measured():
        asyncio.run(asyncio.sleep(0))
    assert min(taken for _, _, taken in found.table()) == 7
