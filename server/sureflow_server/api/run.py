"""A request under way: events in, results and their cost out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from sureflow.lane import Sample
from sureflow_server.api.plan import Plan
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import Finished, Progress, Started
from sureflow_server.filters import Decision, decide
from sureflow_server.metrics import Metrics

OPERATION = "generate"


@dataclass(frozen=True, slots=True)
class Result:
    """A finished sample and what the filter says about it, ``None`` without a filter."""

    sample: Sample
    decision: Decision | None

    @property
    def dropped(self) -> bool:
        """Whether its data is withheld."""
        return self.decision is not None and self.decision.action_taken == "dropped"


class Run:
    """Follows a job to its end and keeps the books about it.

    Attributes:
        plan: What was asked for.
        results: Finished samples, in the order in which they finished.
    """

    def __init__(self, plan: Plan, job: Job, metrics: Metrics) -> None:
        self.plan = plan
        self.results: list[Result] = []
        self._job = job
        self._metrics = metrics
        self._admitted = float("inf")
        self._finished = 0.0

    async def events(self) -> AsyncGenerator[Started | Progress | Result, None]:
        """Yield what happens; closing the iterator early cancels the lanes.

        Raises:
            EngineError: Some samples could not be made.
        """
        with self._metrics.request(self.plan.card.name, OPERATION) as outcome:
            async with self._job:
                try:
                    async for event in self._job:
                        yield self._result(event) if isinstance(event, Finished) else event
                except Exception:
                    outcome.name = "error"
                    raise
                outcome.name = "ok"
                self._count_times()

    async def collect(self) -> list[Result]:
        """Return all results, in the order of their index.

        Raises:
            EngineError: Some samples could not be made.
        """
        async for _ in self.events():
            pass
        return sorted(self.results, key=lambda result: result.sample.spec.index)

    @property
    def queue_s(self) -> float:
        """Seconds from acceptance to the first lane in a slot."""
        return self._admitted - self._job.submitted

    def usage(self) -> dict[str, Any]:
        """Return what the finished samples cost, as a JSON object."""
        return {
            "evaluations": sum(result.sample.evaluations for result in self.results),
            "evaluations_saved": 0,
            "queue_s": round(self.queue_s, 6),
            "compute_s": round(self._finished - self._admitted, 6),
        }

    def _result(self, finished: Finished) -> Result:
        self._admitted = min(self._admitted, finished.admitted)
        self._finished = max(self._finished, finished.finished)
        sample, threshold = finished.sample, self.plan.threshold
        decision = None
        if threshold is not None:
            by_confidence = threshold.by == "confidence"
            score = sample.confidence if by_confidence else sample.uncertainty
            decision = decide(threshold, score)
        self._count(sample, decision)
        self.results.append(result := Result(sample, decision))
        return result

    def _count(self, sample: Sample, decision: Decision | None) -> None:
        model, metrics = self.plan.card.name, self._metrics
        metrics.samples.labels(model, sample.finish_reason).inc()
        if sample.confidence is not None:
            metrics.confidence.labels(model, OPERATION).observe(sample.confidence)
        if decision is not None:
            taken = (decision.action_requested, decision.action_taken)
            metrics.decisions.labels(model, *taken).inc()

    def _count_times(self) -> None:
        labels = (self.plan.card.name, OPERATION)
        self._metrics.queue_time.labels(*labels).observe(self.queue_s)
        self._metrics.inference_time.labels(*labels).observe(self._finished - self._admitted)
