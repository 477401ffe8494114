"""A run of our server on a machine that others use too, in this process and on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import takewhile
from typing import Any
from unittest.mock import patch

from benchmarks.serving import mix
from benchmarks.simulate.asked import Asked, Seen
from benchmarks.simulate.inside import InsideWorker
from benchmarks.simulate.machine import Machine, Neighbour
from benchmarks.simulate.virtual import play
from sureflow.core.card import ModelCard
from sureflow.model import Model
from sureflow.networks.registry import build
from sureflow_server.engine.admission import AdmissionLimits
from sureflow_server.engine.errors import DeadlineError, DeadlineUnreachableError
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import Finished, WorkerConfig
from sureflow_server.engine.pool import Pool
from sureflow_server.metrics import Metrics

TICK_S, ROW_S, ROWS = 0.010, 0.0045, 8
"""About those of ``fashion`` on one core."""

MEAN_ROWS = 36
"""Of a request, about."""

NAME = "exact"
LIMITS = AdmissionLimits(4096, 1 << 40)
WORKER = "sureflow_server.engine.workers.WorkerProcess"


def run(load: float, seconds: float, neighbours: Sequence[Neighbour] = (), seed: int = 1) -> Seen:
    """Play Poisson arrivals of the mix ``few`` against a server.

    Args:
        load: Rows that arrive, as a share of those that full ticks do while nobody disturbs.
        seconds: In which they arrive, about.
        neighbours: Who disturbs.
        seed: Of requests and arrivals.
    """
    machine = Machine(TICK_S, ROW_S, ROWS, neighbours)
    return play(_run(machine, _arrivals(load, seconds, seed, machine.row_s)))


def _arrivals(
    load: float, seconds: float, seed: int, row_s: float
) -> list[tuple[Asked, mix.Request]]:
    """Requests and when they come, stretched so that they are exactly the load."""
    count = load * seconds / (MEAN_ROWS * row_s)
    drawn = list(takewhile(lambda each: each.at < count, mix.draw(seed)))
    pace = sum(each.rows for each in drawn) * row_s / load / drawn[-1].at
    return [
        (Asked(each.at * pace, each.at * pace + each.deadline_s(row_s)), each) for each in drawn
    ]


async def _run(machine: Machine, requests: Sequence[tuple[Asked, mix.Request]]) -> Seen:
    seen = Seen([asked for asked, _ in requests])

    def start(_: WorkerConfig, *told: Any) -> InsideWorker:
        return InsideWorker(model, machine, lambda *tick: seen.ticks.append(tick), *told)

    model = _model()
    with patch(WORKER, start):
        pool = Pool(WorkerConfig(None, ROWS, 1, "cpu"), LIMITS, Metrics())
        pool.start()
        await pool.wait_ready()
        await asyncio.gather(*(_ask(pool, *each) for each in requests))
        await pool.stop()
    return seen


def _model() -> Model:
    """One that costs next to nothing and has the classes of the mix."""
    n = mix.CLASSES
    config = {"kind": "gaussian_mixture", "weights": [1.0] * n, "covariances": [1.0] * n}
    config |= {"means": [[float(k), 1.0] for k in range(n)], "labels": [*range(n)]}
    card = ModelCard(NAME, "sha256:0", "vector", (2,), tuple(map(str, range(n))), 0)
    return Model(card, build(config).eval(), None)


async def _ask(pool: Pool, asked: Asked, request: mix.Request) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(asked.at - loop.time())
    left = asked.deadline - asked.at
    try:
        job = pool.submit(pool.cards[NAME], request.specs(), deadline_s=left)
    except DeadlineUnreachableError:
        asked.refused = True
        return
    try:
        asked.hurried = await _hurried(job)
        asked.end = loop.time()
    except DeadlineError:
        return


async def _hurried(job: Job) -> bool:
    """Wait for all samples; return whether any says that it was hurried."""
    async with job:
        samples = [event.sample async for event in job if isinstance(event, Finished)]
    return any(sample.finish_reason == "deadline" for sample in samples)
