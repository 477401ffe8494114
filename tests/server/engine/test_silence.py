"""For how long a worker may be silent, with workers that only seem to be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sureflow.core.card import ModelCard
from sureflow_server.engine import supervisor as supervisor_module
from sureflow_server.engine import workers as workers_module
from sureflow_server.engine.admission import AdmissionLimits
from sureflow_server.engine.errors import LoadError, StartupError
from sureflow_server.engine.messages import Command, Loading, Ready, Report, WorkerConfig
from sureflow_server.engine.pool import Pool
from sureflow_server.engine.timeouts import Timeouts
from sureflow_server.metrics import Metrics

CARD = ModelCard("m", "sha256:0", "vector", (2,), (), 0)
LIMIT_S = 0.2


class Worker:
    """Stands in for a worker process; says what it is told to."""

    def __init__(self, config: WorkerConfig, received: Any, exited: Any) -> None:
        self.config = config
        self.received, self.exited = received, exited
        self.commands: list[Command] = []
        self.killed = False
        workers.append(self)

    def ready(self, folder: str = "") -> None:
        self.received(Ready(folder, (CARD,), {"m": (0.0, 0.001)}, {}))

    def beat(self) -> None:
        self.received(Report())

    def send(self, command: Command) -> None:
        self.commands.append(command)

    def stop(self) -> None:
        self.exited(0)

    def kill(self) -> None:
        self.killed = True
        asyncio.get_running_loop().call_soon(self.exited, -9)


workers: list[Worker] = []


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    workers.clear()
    monkeypatch.setattr(workers_module, "WorkerProcess", Worker)
    monkeypatch.setattr(supervisor_module, "BACK_OFF_S", (0.0,))


def with_pool(timeouts: Timeouts, test: Callable[[Pool], Coroutine[Any, Any, None]]) -> None:
    async def all_of_it() -> None:
        pool = Pool(
            WorkerConfig(None, None, 1, "cpu"), AdmissionLimits(4, 1 << 30), Metrics(), timeouts
        )
        pool.start()
        await test(pool)
        await pool.stop()

    asyncio.run(all_of_it())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_worker_that_never_comes_up_is_an_error() -> None:
    async def test(pool: Pool) -> None:
        with pytest.raises(StartupError) as raised:
            await pool.wait_ready()
        assert str(raised.value) == "the worker process was silent for 0.2 s while loading its code"
        assert len(workers) == 1

    with_pool(Timeouts(load_s=LIMIT_S, code_s=LIMIT_S), test)


def test_a_folder_that_is_never_loaded_is_left_out_and_says_so() -> None:
    async def test(pool: Pool) -> None:
        workers[0].received(Loading("icons"))
        await until(lambda: len(workers) == 2)
        assert workers[0].killed
        said = "the worker process was silent for 0.2 s while loading it, and goes on without it"
        assert workers[1].config.faulty == {"icons": said}
        workers[1].ready()
        await pool.wait_ready()
        assert pool.ready
        assert len(workers) == 2

    with_pool(Timeouts(load_s=LIMIT_S, code_s=LIMIT_S), test)


def test_every_model_has_its_own_time_to_load() -> None:
    async def test(pool: Pool) -> None:
        for n in range(8):
            await asyncio.sleep(LIMIT_S / 2)
            workers[0].received(Loading(str(n)))
        workers[0].ready()
        await pool.wait_ready()

    with_pool(Timeouts(load_s=4 * LIMIT_S), test)


def test_who_beats_lives_and_who_does_not_is_replaced() -> None:
    async def test(pool: Pool) -> None:
        first = workers[0]
        first.ready()
        for _ in range(8):
            await asyncio.sleep(LIMIT_S / 2)
            first.beat()
        assert not first.killed
        await until(lambda: len(workers) == 2)
        assert first.killed
        assert not pool.ready
        workers[1].ready()
        assert pool.ready

    with_pool(Timeouts(worker_s=4 * LIMIT_S), test)


def test_slow_networks_have_more_time() -> None:
    timeouts = Timeouts()
    assert timeouts.serving_s(0.01) == timeouts.least_s
    assert timeouts.serving_s(60.0) == timeouts.turns * 60
    assert Timeouts(worker_s=5.0).serving_s(60.0) == 5


def test_a_standby_that_never_comes_up_leaves_all_as_it_is(tmp_path: Any) -> None:
    (tmp_path / "m").mkdir()

    async def test(pool: Pool) -> None:
        workers[0].ready(str(tmp_path))
        loading = asyncio.create_task(pool.load("m"))
        await until(lambda: len(workers) == 2)
        while not loading.done():
            workers[0].beat()
            await asyncio.sleep(0.02)
        with pytest.raises(LoadError, match=r"m could not be loaded: .* silent for 0.2 s"):
            await loading
        assert pool.ready
        assert workers[1].killed
        assert not workers[0].killed

    with_pool(Timeouts(worker_s=60.0, load_s=LIMIT_S, code_s=LIMIT_S), test)
