"""A request under way: events in, results and their cost out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sureflow.core.lane import Sample
from sureflow_server.api.halving import silence_warning
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import public_reason
from sureflow_server.api.public_text import shown
from sureflow_server.api.resolve_filter import early_warning
from sureflow_server.api.task_group import TaskGroup
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import Finished, Progress, Started, Viewed
from sureflow_server.filters import AnyGood, Decision, JudgeDecision
from sureflow_server.judges import JudgePool
from sureflow_server.metrics import Metrics
from sureflow_server.store import StoreError, StoreUnavailableError
from sureflow_server.traces import span
from sureflow_server.turns import Turns

FAILURE_BYTES = 200
"""Of what a client is told of a judge that failed."""


@dataclass(slots=True)
class Result:
    """A finished sample.

    Attributes:
        sample: The sample.
        decision: What the filter says about it; ``None`` without a filter.
        handle: By what it can be taken up again, as its record has it; ``None`` if it cannot.
        text: Its record as JSON, once it has been encoded to be shown more than once.
    """

    sample: Sample
    decision: Decision | None
    handle: dict[str, Any] | None = None
    text: bytes = b""

    @property
    def accepted(self) -> bool:
        """Whether it passed, if there was anything to pass."""
        return self.decision is None or self.decision.action_taken == "accepted"

    @property
    def judged(self) -> JudgeDecision | None:
        """What a judge said of it, if one was asked."""
        return None if self.decision is None else self.decision.then

    @property
    def withheld(self) -> bool:
        """Whether the client does not get its data."""
        return self.decision is not None and self.decision.withheld


Happening = Started | Progress | Viewed | Result
"""What happens to a request under way."""

Keep = Callable[[Result], Awaitable[dict[str, Any] | None]]


class Run:
    """Follows a job to its end and keeps the books about it.

    Attributes:
        plan: What was asked for.
        job: The lanes under way.
        keep: Gives a result its handle; ``None`` if none was asked for.
        on_end: Told once all samples are there; it is waited for.
        judges: Asked about accepted samples, if the plan says so.
        results: Finished samples about which the filter has decided, in the order in which it did.
        warnings: What went wrong and did not stop the request.
        done: Finished samples, those that the filter has not decided about included.
    """

    def __init__(
        self,
        plan: Plan,
        job: Job,
        metrics: Metrics,
        keep: Keep | None = None,
        on_end: Callable[[Run], Awaitable[None]] | None = None,
        judges: JudgePool | None = None,
    ) -> None:
        self.plan = plan
        self.keep = keep
        self.on_end = on_end
        self.judges = judges
        self.results: list[Result] = []
        warning = early_warning(plan.card, plan.lanes[0])
        self.warnings = [*plan.warnings, *([] if warning is None else [warning])]
        self.done = 0
        self._pending: list[Sample] = []
        self._failures: set[type[StoreError]] = set()
        self.job = job
        self._metrics = metrics
        self._admitted = float("inf")
        self._finished = 0.0

    async def events(self) -> AsyncGenerator[Happening | None, None]:
        """Yield what happens, None where only counts change; closing it early cancels the lanes.

        Raises:
            EngineError: Some samples could not be made.
        """
        with self._metrics.request(self.plan.card.name, self.plan.kind):
            waits = self.keep is not None or self.plan.then is not None
            tasks = TaskGroup(self._settle if waits else None)
            async with self.job, tasks:
                async for event in self.job:
                    if not isinstance(event, Finished):
                        yield event
                    elif result := self._take(event):
                        tasks.add(result)
                    for result in tasks.done():
                        yield self._decided(result)
                turns = Turns()
                for result in self._finalize():
                    tasks.add(result)
                    await turns.step()
                async for result in tasks.rest():
                    yield self._decided(result)
                self._warn_of_silence()
                self._count_times()
                if self.on_end is not None:
                    await self.on_end(self)

    async def collect(self) -> list[Result]:
        """Return all results, in the order of their index.

        Raises:
            EngineError: Some samples could not be made.
        """
        async for _ in self.events():
            pass
        return self.ordered

    @property
    def ordered(self) -> list[Result]:
        """The results in the order of their index."""
        return sorted(self.results, key=lambda result: result.sample.spec.index)

    def leave(self) -> None:
        """Free the lanes, if any are under way; what follows the events need not do so."""
        self.job.on_leave(self.job)

    @property
    def queue_s(self) -> float:
        """Seconds from acceptance to the first lane in a slot."""
        return self._admitted - self.job.submitted

    def usage(self) -> dict[str, Any]:
        """Return what the finished samples cost, as a JSON object."""
        return {
            "evaluations": sum(result.sample.evaluations for result in self.results),
            "evaluations_saved": sum(self._saved(result.sample) for result in self.results),
            "queue_s": round(self.queue_s, 6),
            "compute_s": round(self._finished - self._admitted, 6),
            **({} if self.plan.then is None else {"judged": self._judging()}),
        }

    def _judging(self) -> dict[str, Any]:
        """What a judge was asked, and what that cost."""
        said = [judged for result in self.results if (judged := result.judged) is not None]
        return {
            "samples": len(said),
            "seconds": round(sum(judged.seconds for judged in said), 6),
        }

    async def _settle(self, result: Result) -> None:
        """Ask the judge about an accepted result, and give a result its handle."""
        stage, decision = self.plan.then, result.decision
        if stage is not None and decision is not None and result.accepted:
            assert self.judges is not None
            deadline = self.job.terms.deadline
            verdict = await self.judges.ask(stage.judge, result.sample, deadline)
            verdict = replace(verdict, failure=shown(verdict.failure, FAILURE_BYTES))
            result.decision = stage.decide(decision, verdict)
        if self.keep is not None:
            await self._keep(self.keep, result)

    def _warn_of_silence(self) -> None:
        """Warn of samples that the judge said nothing about."""
        said = [judged for result in self.results if (judged := result.judged) is not None]
        silent = [judged.reason for judged in said if judged.score is None]
        if silent:
            message = f"{said[0].by} gave no number for {len(silent)} of {len(said)} samples"
            self.warnings.append(f"filter.then: {message}: {'; '.join(sorted({*silent}))}")

    async def _keep(self, keep: Keep, result: Result) -> None:
        """Give a result its handle; if the store cannot keep it, the result goes out without one.

        A store that is gone is not asked again, since each sample would wait for its timeout.
        """
        if StoreUnavailableError not in self._failures:
            try:
                result.handle = await keep(result)
            except StoreError as error:
                if type(error) not in self._failures:
                    self._failures.add(type(error))
                    self.warnings.append(f"no handle could be kept: {public_reason(error)}")
        # They are kept now, and take more memory than all else.
        result.sample = replace(result.sample, frames=())

    def _take(self, finished: Finished) -> Result | None:
        """Decide about a finished sample, or keep it pending until all are finished."""
        self.done += 1
        self._admitted = min(self._admitted, finished.admitted)
        self._finished = max(self._finished, finished.finished)
        sample, decision = finished.sample, None
        if self.plan.filter is not None:
            decision = self.plan.filter.decide(sample)
            if decision is None:
                self._pending.append(sample)
                return None
        return self._result(sample, decision)

    def _finalize(self) -> Iterator[Result]:
        """Decide about the samples that were pending, and yield what comes of each."""
        if self.plan.filter is None:
            return
        pending = sorted(self._pending, key=lambda sample: sample.spec.index)
        accepted = sum(result.accepted for result in self.results)
        decisions = self.plan.filter.finalize(pending, accepted)
        yield from (self._result(*pair) for pair in zip(pending, decisions, strict=True))
        made = (result.sample for result in self.results)
        if warning := silence_warning(self.plan.filter, made):
            self.warnings.append(warning)
        if isinstance(self.plan.filter, AnyGood):
            passed = sum(result.accepted for result in self.results)
            if warning := self.plan.filter.shortfall(passed):
                self.warnings.append(warning)

    def _result(self, sample: Sample, decision: Decision | None) -> Result:
        self._count(sample)
        if self.keep is None and sample.frames:
            sample = replace(sample, frames=())
        self.results.append(result := Result(sample, decision))
        return result

    def _saved(self, sample: Sample) -> int:
        """Rows that an abandoned sample would still have cost; of adaptive ones, an estimate."""
        if sample.finish_reason != "abandoned":
            return 0
        return max(round(self.job.lane_rows) - sample.evaluations, 0)

    def _count(self, sample: Sample) -> None:
        model, metrics = self.plan.card.name, self._metrics
        metrics.samples.labels(model, sample.finish_reason).inc()
        metrics.saved.labels(model).inc(self._saved(sample))
        if sample.confidence is not None and sample.finish_reason != "abandoned":
            metrics.confidence.labels(model, self.plan.kind).observe(sample.confidence)

    def _decided(self, result: Result) -> Result:
        """Count what was decided about a result, which is final now."""
        if (decision := result.decision) is not None:
            taken = (decision.action_requested, decision.action_taken)
            self._metrics.decisions.labels(self.plan.card.name, *taken).inc()
            if self.plan.then is not None and decision.then is not None:
                self._count_judged(self.plan.then.judge, decision.then, result.accepted)
        return result

    def _count_judged(self, judge: str, said: JudgeDecision, accepted: bool) -> None:
        outcome = "none" if said.score is None else "accepted" if accepted else "refused"
        self._metrics.judged.labels(judge, outcome).inc()
        self._metrics.judge_seconds.labels(judge).inc(said.seconds)

    def _count_times(self) -> None:
        labels = (self.plan.card.name, self.plan.kind)
        self._metrics.queue_time.labels(*labels).observe(self.queue_s)
        self._metrics.inference_time.labels(*labels).observe(self._finished - self._admitted)
        model, evaluations = self.plan.card.name, self.usage()["evaluations"]
        span("queue", self.job.submitted, self._admitted, model=model)
        span("tick", self._admitted, self._finished, model=model, evaluations=evaluations)
