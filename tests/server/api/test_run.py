"""Books about samples that a worker would deliver, without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sureflow.core.card import ModelCard
from sureflow.core.halving import halve
from sureflow.core.lane import Rung, Sample
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.api.answer import record
from sureflow_server.api.plan import Plan
from sureflow_server.api.run import Run
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import Finished
from sureflow_server.filters import Filter, Threshold, Top
from sureflow_server.metrics import Metrics
from tests.server.samples import abandoned, finished

CARD = ModelCard("m", "sha256:0", "vector", (2,), (), 0)
ROWS = 40.0


def follow(filter: Filter | None, samples: Sequence[Sample]) -> Run:
    """Run a request whose samples finish in this order."""
    lanes = tuple(FlowSpec(0, index) for index in range(len(samples)))
    plan = Plan("generate", CARD, 0, lanes, filter, "list", False, False, None, 0)

    async def all_of_it() -> Run:
        job = Job(1, CARD, dict(enumerate(lanes)), False, lambda job: None, lane_rows=ROWS)
        for sample in samples:
            job.put(Finished(1, sample.spec.index, sample, 0.0, 1.0))
        job.put(None)
        run = Run(plan, job, Metrics())
        await run.collect()
        return run

    return asyncio.run(all_of_it())


def value(run: Run, name: str, **labels: str) -> float | None:
    return run._metrics.registry.get_sample_value(name, {"model": "m", **labels})


def test_what_abandoned_samples_saved_is_counted() -> None:
    filter = Threshold("confidence", 0.5, None, "drop", early=True)
    run = follow(filter, [finished(0, 0.9), abandoned(2, evaluations=12), abandoned(1)])
    assert run.usage()["evaluations"] == 40 + 12 + 20
    assert run.usage()["evaluations_saved"] == 28 + 20
    assert value(run, "sureflow_evaluations_saved_total") == 48
    assert value(run, "sureflow_samples_total", finish_reason="abandoned") == 2
    done = {"action_requested": "drop", "action_taken": "abandoned"}
    assert value(run, "sureflow_filter_decisions_total", **done) == 2


def test_the_record_of_an_abandoned_sample_has_no_data() -> None:
    filter = Threshold("confidence", 0.5, None, "annotate", early=True)
    run = follow(filter, [abandoned()])
    said = record(run.results[0], run.plan)
    assert said["data"] is None
    assert said["finish_reason"] == "abandoned"
    assert said["decision"] == {
        "action_requested": "annotate",
        "action_taken": "abandoned",
        "by": "confidence",
        "score": None,
        "threshold": 0.5,
        "attempt": 1,
        "reason": "not foreseen to reach the threshold",
        "abandoned_at": 0.5,
        "rung": None,
    }


def test_without_abandonment_nothing_is_saved() -> None:
    run = follow(None, [finished(0, 0.9, evaluations=10)])
    assert run.usage()["evaluations_saved"] == 0
    assert value(run, "sureflow_evaluations_saved_total") == 0


def test_a_score_that_told_nothing_on_the_way_is_named() -> None:
    samples = [finished(index, index / 10) for index in range(6)]
    (said,) = follow(Top(1, "confidence", "drop", halve(6, 1)), samples).warnings
    assert said == "filter.early: propagated tells nothing until t = 0.6; so none was given up"
    assert follow(Top(3, "confidence", "drop", halve(3, 3)), samples[:3]).warnings == []
    samples[5] = abandoned(5, rung=Rung(0.2, 1.0, 6, 6, 5))
    assert follow(Top(1, "confidence", "drop", halve(6, 1)), samples).warnings == []


def test_the_top_is_decided_when_all_are_finished() -> None:
    run = follow(Top(1, "confidence", "drop"), [finished(1, 0.4), finished(0, 0.9)])
    taken = [(r.sample.spec.index, r.decision and r.decision.action_taken) for r in run.results]
    assert taken == [(0, "accepted"), (1, "dropped")]
