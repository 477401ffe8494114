"""What a job that has ended takes, against what the interpreter has allocated for it."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from sureflow.core.lane import Sample
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.api.answer import whole
from sureflow_server.api.answer_budget import AnswerBudget
from sureflow_server.api.background import Background
from sureflow_server.api.plan import Plan
from sureflow_server.api.run import Run
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import Finished, Started
from sureflow_server.metrics import Metrics
from tests.server.api.test_run import CARD
from tests.server.samples import finished

BUDGET = AnswerBudget(1 << 40)


def background(samples: list[Sample], metrics: Metrics) -> Background:
    """A job whose samples finish at once."""
    lanes = tuple(FlowSpec(0, index) for index in range(len(samples)))
    plan = Plan("generate", CARD, 0, lanes, form="list", profile=True, map=True)
    job = Job(1, CARD, dict(enumerate(lanes)), True, lambda job: None)
    job.put(Started(1))
    for index, sample in enumerate(samples):
        made = replace(sample, spec=lanes[index], data=sample.data.copy(), t=sample.t.copy())
        job.put(Finished(1, index, made, 0.0, 1.0))
    job.put(None)
    run = Run(plan, job, metrics)
    document = partial(whole, run, "req_0")
    claim = BUDGET.open("a")
    claim.take(plan.answer_bytes)
    return Background(run, "a", "req_0", "/v1/generate", document, lambda job: 0, 60, claim)


@pytest.mark.parametrize(
    ("samples", "steps", "jobs", "off"), [(1, 2, 100, 0.4), (50, 2, 20, 0.2), (4, 3000, 5, 0.2)]
)
def test_it_is_counted_with_what_it_takes(samples: int, steps: int, jobs: int, off: float) -> None:
    """The share of the C library, which counts for small jobs, is not seen from here."""
    series = np.linspace(0, 1, steps, dtype=np.float32)
    sample = finished(confidence=0.5, t=series, rate=series)
    metrics = Metrics()

    async def growth() -> tuple[int, int]:
        kept = [background([sample] * samples, metrics)]
        await kept[0].wait()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(jobs):
            kept.append(background([sample] * samples, metrics))
            await kept[-1].wait()
            await asyncio.sleep(0)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        return grown, sum(job.size for job in kept[1:])

    tracemalloc.start()
    try:
        grown, counted = asyncio.run(growth())
    finally:
        tracemalloc.stop()
    assert counted == pytest.approx(grown, rel=off)
    assert BUDGET.size == 0, "from now on they are the board's to count"


def test_events_and_result_share_the_records_of_samples() -> None:
    async def ended() -> tuple[Background, list[tuple[str, bytes]]]:
        job = background([finished(confidence=0.5)] * 3, Metrics())
        await job.wait()
        return job, await job.numbered(0)

    job, told = asyncio.run(ended())
    assert [name for name, _ in told] == ["queued", "started", *["sample"] * 3, "completed"]
    parts = {id(part) for part in job.result}
    assert all(id(data) in parts for name, data in told if name == "sample")
