"""How many loads there may be, and for how long: with workers that only seem to be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sureflow.families.flow.spec import FlowSpec
from sureflow_server.engine.errors import LoadUnderWayError, NoSuchModelError
from sureflow_server.engine.models import MAX_WORKERS
from sureflow_server.engine.pool import Pool
from sureflow_server.engine.timeouts import Timeouts
from tests.server.engine.test_silence import CARD, until, with_pool, workers
from tests.server.engine.test_silence import fake as fake


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Where a checkpoint folder of the model lies."""
    (tmp_path / "m").mkdir()
    return str(tmp_path)


def test_one_model_is_loaded_at_a_time(folder: str) -> None:
    async def test(pool: Pool) -> None:
        workers[0].ready(folder)
        loading = asyncio.create_task(pool.load("m"))
        await until(lambda: len(workers) == 2)
        for _ in range(20):
            with pytest.raises(LoadUnderWayError, match="one model is loaded at a time") as raised:
                await pool.load("m")
            assert raised.value.retry_after_s
        workers[1].ready(folder)
        assert await loading == CARD
        assert len(workers) == 2

    with_pool(Timeouts(), test)


def test_a_load_that_is_given_up_changes_nothing_and_leaves_no_worker(folder: str) -> None:
    async def test(pool: Pool) -> None:
        workers[0].ready(folder)
        for number in range(1, 6):
            loading = asyncio.create_task(pool.load("m"))
            await until(lambda number=number: len(workers) == number + 1)  # type: ignore[misc]
            loading.cancel()
            await asyncio.wait([loading])
            assert loading.cancelled()
            assert workers[number].killed
            await asyncio.sleep(0)
        assert pool.ready
        assert not workers[0].killed
        again = asyncio.create_task(pool.load("m"))
        await until(lambda: len(workers) == 7)
        workers[6].ready(folder)
        assert await again == CARD

    with_pool(Timeouts(), test)


def test_workers_that_still_finish_are_counted(folder: str) -> None:
    """Each load leaves a worker behind that has something to do."""

    async def test(pool: Pool) -> None:
        workers[0].ready(folder)
        jobs = []
        for number in range(1, MAX_WORKERS):
            jobs.append(pool.submit(CARD, [FlowSpec(7, number)]))
            loading = asyncio.create_task(pool.load("m"))
            await until(lambda number=number: len(workers) == number + 1)  # type: ignore[misc]
            workers[number].ready(folder)
            await loading
        with pytest.raises(LoadUnderWayError, match="2 workers still finish"):
            await pool.load("m")
        async with jobs[0]:
            """It is given up."""
        loading = asyncio.create_task(pool.load("m"))
        await until(lambda: len(workers) == MAX_WORKERS + 1)
        workers[MAX_WORKERS].ready(folder)
        await loading

    with_pool(Timeouts(), test)


def test_what_is_refused_starts_no_worker(folder: str) -> None:
    async def test(pool: Pool) -> None:
        workers[0].ready(folder)
        with pytest.raises(NoSuchModelError):
            await pool.load("absent")
        assert len(workers) == 1

    with_pool(Timeouts(), test)
