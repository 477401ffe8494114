"""Folders that are tried once more, with workers that only seem to be."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sureflow_server.engine import retries
from sureflow_server.engine import trial as trial_module
from sureflow_server.engine.messages import Loading, Ready
from sureflow_server.engine.pool import Pool
from sureflow_server.engine.timeouts import Timeouts
from tests.server.engine.test_silence import CARD, Worker, until, with_pool, workers
from tests.server.engine.test_silence import fake as fake

LATE = replace(CARD, name="late", version="sha256:1")
LIMIT_S = 0.2


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, fake: None) -> None:
    monkeypatch.setattr(retries, "PAUSE_S", 0.0)
    monkeypatch.setattr(trial_module, "WorkerProcess", Worker)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    for name in ("m", "late"):
        (tmp_path / name).mkdir()
    return str(tmp_path)


def both(folder: str) -> Ready:
    ticks = dict.fromkeys(("late", "m"), (0.0, 0.001))
    return Ready(folder, (LATE, CARD), ticks, {})


async def serves_without(pool: Pool, folder: str, code: int = -9) -> None:
    """A process dies while it loads ``late``, and the next one comes up without it."""
    workers[0].received(Loading("late"))
    workers[0].exited(code)
    ready = Ready(folder, (CARD,), {"m": (0.0, 0.001)}, dict(workers[1].config.faulty))
    workers[1].received(ready)
    await pool.wait_ready()
    assert pool.ready
    assert pool.loading == ["late"]
    await until(lambda: len(workers) == 3)
    assert workers[2].config.only == "late", "it is tried alone"
    assert not workers[2].config.faulty
    assert not workers[2].config.standby


def test_an_intact_model_whose_process_was_killed_comes_by_itself(folder: str) -> None:
    async def test(pool: Pool) -> None:
        await serves_without(pool, folder)
        workers[2].received(Loading("late", True))
        workers[2].received(both(folder))
        await until(lambda: len(workers) == 4)
        assert workers[2].killed, "it has shown what it should"
        assert workers[3].config.only is None
        assert workers[3].config.faulty == {}
        assert pool.loading == ["late"]
        workers[3].received(both(folder))
        await until(lambda: not pool.loading)
        assert {*pool.cards} == {"late", "m"}
        assert not pool.failures

    with_pool(Timeouts(), test)


def test_one_that_kills_once_more_stays_out_and_is_not_tried_again(folder: str) -> None:
    async def test(pool: Pool) -> None:
        await serves_without(pool, folder, 3)
        workers[2].exited(3)
        await until(lambda: not pool.loading)
        said = "a process of its own ended with code 3 while loading it"
        assert pool.failures == {"late": said}
        assert {*pool.cards} == {"m"}
        workers[1].exited(-9)  # the worker
        await until(lambda: len(workers) == 4)
        workers[3].received(Ready(folder, (CARD,), {"m": (0.0, 0.001)}, dict(pool.failures)))
        await asyncio.sleep(0.01)
        assert pool.ready
        assert not pool.loading
        assert len(workers) == 4

    with_pool(Timeouts(), test)


def test_one_that_is_silent_has_its_whole_time_while_others_serve(folder: str) -> None:
    """A quarter of it while they wait."""

    async def test(pool: Pool) -> None:
        workers[0].received(Loading("late"))
        await until(lambda: len(workers) == 2)
        assert "was silent for 0.2 s" in workers[1].config.faulty["late"]
        ready = Ready(folder, (CARD,), {"m": (0.0, 0.001)}, dict(workers[1].config.faulty))
        workers[1].received(ready)
        await until(lambda: len(workers) == 3)
        await until(lambda: not pool.loading)
        assert workers[2].killed
        assert "was silent for 0.8 s" in pool.failures["late"]

    with_pool(Timeouts(load_s=4 * LIMIT_S, code_s=60, least_load_s=LIMIT_S / 2), test)


def test_the_only_model_has_its_whole_time() -> None:
    assert Timeouts(load_s=120).loading_s(others_wait=True) == 30
    assert Timeouts(load_s=120).loading_s(others_wait=False) == 120
    assert Timeouts(load_s=120, patient=True).loading_s(others_wait=True) == 120
    assert Timeouts(load_s=20).loading_s(others_wait=True) == 10
    assert Timeouts(load_s=5).loading_s(others_wait=True) == 5


def test_who_asks_for_it_by_name_does_not_wait_for_the_trial(folder: str) -> None:
    async def test(pool: Pool) -> None:
        await serves_without(pool, folder)
        loading = asyncio.create_task(pool.load("late"))
        await until(lambda: len(workers) == 4)
        assert workers[2].killed
        assert not pool.loading
        workers[3].received(both(folder))
        assert await loading == LATE
        await asyncio.sleep(0.01)
        assert len(workers) == 4

    with_pool(Timeouts(), test)


def test_another_change_goes_first_and_the_trial_begins_anew(folder: str) -> None:
    async def test(pool: Pool) -> None:
        await serves_without(pool, folder)
        await pool.unload("m")
        assert workers[2].killed
        await until(lambda: len(workers) == 4)
        assert workers[3].config.only == "late"
        assert pool.loading == ["late"]

    with_pool(Timeouts(), test)


def test_nothing_is_tried_any_more_when_the_pool_ends(folder: str) -> None:
    async def test(pool: Pool) -> None:
        await serves_without(pool, folder)
        waiting = asyncio.create_task(pool.wait_for_a_folder())
        await asyncio.sleep(0)
        await pool.stop()
        await waiting
        assert workers[2].killed
        assert len(workers) == 3

    with_pool(Timeouts(), test)
