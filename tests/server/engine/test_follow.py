"""Lanes that call for others, in a pool whose worker does as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from sureflow.core.card import ModelCard
from sureflow.core.halving import Halving, halve
from sureflow.core.lane import Sample
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.engine import supervisor as supervisor_module
from sureflow_server.engine import workers as workers_module
from sureflow_server.engine.admission import AdmissionLimits
from sureflow_server.engine.errors import EngineError, QueueFullError
from sureflow_server.engine.messages import (
    Cancel,
    Command,
    Finished,
    Ready,
    Report,
    Submit,
    Terms,
    WorkerConfig,
)
from sureflow_server.engine.pool import Pool
from sureflow_server.metrics import Metrics
from tests.server.samples import finished

CARD = ModelCard("m", "sha256:0", "vector", (2,), (), 0)
PASSES = 5
"""Indices that are a multiple of this pass."""


class Worker:
    """Stands in for a worker process."""

    def __init__(self, config: Any, received: Any, exited: Any) -> None:
        self.commands: list[Command] = []
        self.received, self.exited = received, exited
        workers.append(self)

    def ready(self) -> None:
        self.received(Ready("models", (CARD,), {"m": (0.0, 0.001)}, {}))

    def send(self, command: Command) -> None:
        self.commands.append(command)

    def kill(self) -> None:
        self.exited(-9)

    @property
    def lanes(self) -> dict[int, FlowSpec]:
        """All lanes that it was given."""
        submits = [command for command in self.commands if isinstance(command, Submit)]
        return {number: spec for submit in submits for number, spec in submit.lanes.items()}

    def finish(self, *lanes: int) -> None:
        done = [
            Finished(1, lane, finished(lane, spec=self.lanes[lane]), 0.0, 1.0) for lane in lanes
        ]
        self.received(Report(finished=done))


workers: list[Worker] = []


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    workers.clear()
    monkeypatch.setattr(workers_module, "WorkerProcess", Worker)
    monkeypatch.setattr(supervisor_module, "BACK_OFF_S", (0.0,))


def follow(sample: Sample, launched: int) -> FlowSpec | None:
    passes = sample.spec.index % PASSES == 0
    return None if passes or launched >= 20 else replace(sample.spec, index=launched)


def with_pool(test: Callable[[Pool], Coroutine[Any, Any, None]]) -> None:
    async def all_of_it() -> None:
        pool = Pool(WorkerConfig(None, None, 1, "cpu"), AdmissionLimits(4, 1 << 30), Metrics())
        pool.start()
        workers[0].ready()
        await test(pool)

    asyncio.run(all_of_it())


TERMS = Terms("me", 3)


def submit(pool: Pool, count: int = 3) -> Any:
    specs = [FlowSpec(7, index) for index in range(count)]
    return pool.submit(CARD, specs, owner="me", priority=3, follow=follow)


def test_a_lane_follows_under_the_same_terms_and_in_the_same_room() -> None:
    async def test(pool: Pool) -> None:
        job = submit(pool)
        (worker,) = workers
        worker.finish(2, 1)
        first, second = worker.commands
        assert isinstance(first, Submit)
        specs = {3: FlowSpec(7, 3), 4: FlowSpec(7, 4)}
        assert second == replace(first, lanes=specs)
        assert second.terms == TERMS
        with pytest.raises(QueueFullError):
            submit(pool, 2)
        worker.finish(0)
        assert len(worker.commands) == 2, "a sample that passes calls for none"
        worker.finish(3, 4)
        worker.finish(5)
        with pytest.raises(QueueFullError):
            submit(pool, 4)
        for lane in (6, 7, 8, 9, 10):
            worker.finish(lane)
        order = [2, 1, 0, 3, 4, 5, 6, 7, 8, 9, 10]
        assert [event.lane async for event in job] == order
        assert submit(pool, 4).launched == 4, "its room is free again"

    with_pool(test)


def test_after_a_crash_the_lanes_that_followed_run_again() -> None:
    async def test(pool: Pool) -> None:
        job = submit(pool)
        workers[0].finish(1)
        workers[0].finish(3)
        workers[0].kill()
        await asyncio.sleep(0.01)
        _, worker = workers
        assert worker.commands == []
        worker.ready()
        assert sorted(worker.lanes) == [0, 2, 4]
        assert len(worker.commands) == 1
        worker.finish(4, 2, 0)
        assert sorted(worker.lanes) == [0, 2, 4, 5, 6]
        worker.finish(5, 6)
        worker.finish(7)
        worker.finish(8)
        worker.finish(9)
        worker.finish(10)
        assert sorted([event.lane async for event in job]) == list(range(11))
        assert len(submit(pool, 4).unfinished) == 4, "its room is free again"

    with_pool(test)


def test_nothing_follows_a_request_that_is_over() -> None:
    async def test(pool: Pool) -> None:
        job = submit(pool)
        async with job:
            workers[0].finish(1)
        assert workers[0].commands[-1] == Cancel(1)
        given = len(workers[0].commands)
        workers[0].finish(2, 3)
        assert len(workers[0].commands) == given

    with_pool(test)


def test_the_deadline_holds_for_all_that_follows() -> None:
    async def test(pool: Pool) -> None:
        specs = [FlowSpec(7, 1)]
        job = pool.submit(CARD, specs, deadline_s=0.01, follow=follow)
        workers[0].finish(0)
        first, second = workers[0].commands
        assert isinstance(first, Submit)
        assert isinstance(second, Submit)
        assert first.terms == second.terms
        with pytest.raises(EngineError, match="deadline"):
            [event async for event in job]
        assert workers[0].commands[-1] == Cancel(1)

    with_pool(test)


class Rounds:
    """Two lanes for each of two that shall pass."""

    def passes(self, sample: Sample) -> bool:
        return sample.spec.index % PASSES == 0

    def next_round(
        self, spec: FlowSpec, passed: int, launched: int
    ) -> tuple[list[FlowSpec], Halving] | None:
        missing = 2 - passed
        if not missing or launched >= 10:
            return None
        specs = [replace(spec, index=launched + place) for place in range(2 * missing)]
        return specs, halve(2 * missing, missing)


def test_a_round_begins_when_the_one_before_has_ended_and_is_compared_by_itself() -> None:
    async def test(pool: Pool) -> None:
        specs = [FlowSpec(7, index) for index in range(1, 5)]
        job = pool.submit(CARD, specs, halving=halve(4, 2), rounds=Rounds())
        (worker,) = workers
        worker.finish(0, 1, 2)
        assert len(worker.commands) == 1
        worker.finish(3)
        first, second = worker.commands
        assert isinstance(first, Submit)
        assert isinstance(second, Submit)
        assert first.halving == halve(4, 2)
        assert (sorted(second.lanes), second.halving) == ([4, 5, 6, 7], halve(4, 2))
        worker.finish(4, 5, 6, 7)  # of which that of the index 5 passes
        third = worker.commands[-1]
        assert isinstance(third, Submit)
        assert (sorted(third.lanes), third.halving) == ([8, 9], halve(2, 1))
        worker.kill()
        await asyncio.sleep(0.01)
        workers[1].ready()
        (again,) = workers[1].commands
        assert isinstance(again, Submit)
        assert (sorted(again.lanes), again.halving) == ([8, 9], halve(2, 1))
        workers[1].finish(8, 9)
        assert [event.lane async for event in job] == [*range(10)]
        assert submit(pool, 4).launched == 4, "its room is free again"

    with_pool(test)
