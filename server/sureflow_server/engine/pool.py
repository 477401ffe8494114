"""The API side of the engine: accepts requests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from math import inf

from sureflow.core.card import ModelCard
from sureflow.core.family import weight_of
from sureflow.core.halving import Halving
from sureflow.core.lane import LaneSpec
from sureflow_server.engine.account import Account, Tally
from sureflow_server.engine.admission import AdmissionLimits, footprints_of
from sureflow_server.engine.errors import (
    DeadlineError,
    DeadlineUnreachableError,
    NotReadyError,
    QueueFullError,
    TooManySamplesError,
)
from sureflow_server.engine.job import Follow, Job, Rounds
from sureflow_server.engine.messages import Terms, WorkerConfig
from sureflow_server.engine.models import Models
from sureflow_server.engine.scheduler import IDLE
from sureflow_server.engine.supervisor import Supervisor
from sureflow_server.engine.timeouts import Timeouts
from sureflow_server.metrics import Metrics

MIN_RETRY_S, MAX_RETRY_S = 0.05, 60.0


class Pool(Models):
    """Runs requests with the models in service; a worker that dies is not noticed by them.

    Args:
        config: What workers are started with.
        limits: What may be under way at once.
        metrics: Told of all that happens.
        timeouts: How long processes may be silent.
    """

    def __init__(
        self,
        config: WorkerConfig,
        limits: AdmissionLimits,
        metrics: Metrics,
        timeouts: Timeouts | None = None,
    ) -> None:
        super().__init__(config, metrics, timeouts)
        self._limits = limits
        self._ids = count(1)

    @property
    def reserved(self) -> int:
        """Samples accepted and not finished."""
        return sum(each.ledger.reserved for each in self._all)

    @property
    def reserved_bytes(self) -> int:
        """Bytes reserved for the requests under way."""
        return sum(each.ledger.nbytes for each in self._all)

    def submit(
        self,
        card: ModelCard,
        lanes: Sequence[LaneSpec],
        *,
        progress: bool = False,
        owner: str = "",
        account: Tally | None = None,
        priority: int = 0,
        deadline_s: float | None = None,
        follow: Follow | None = None,
        halving: Halving | None = None,
        rounds: Rounds | None = None,
        idle: bool = False,
    ) -> Job:
        """Accept a request: room for all its lanes is reserved, or it is refused.

        Args:
            card: The model.
            lanes: What to make.
            progress: Whether the steps of the lanes are of interest.
            owner: Whose request it is; owners share the server evenly.
            account: Holds the owner's limits and is charged; without one there are none.
            priority: Higher ones go first.
            deadline_s: Seconds from now after which the request is given up.
            follow: Names the lane that a finished one calls for, if any; it has no effects.
            halving: How the lanes are compared on the way, if they are.
            rounds: Names the lanes that it calls for once all have ended, if any.
            idle: It has rows only while no other request wants any, and takes no room from them.

        Raises:
            NotReadyError: No worker has come up yet, or the model has just been changed.
            DrainingError: The server is about to end.
            TooManySamplesError: The account never allows so many, or there is never room for them.
            QuotaError: The account has as many under way as it may.
            RateError: The account has started as many as it may for now.
            QueueFullError: There is no room.
            DeadlineUnreachableError: There is no time.
        """
        self._check_open()
        present = self.cards.get(card.name)
        if present is None or present.version != card.version:
            raise NotReadyError(f"{card.name} has just been changed", MIN_RETRY_S)
        account = account or Account()
        account.admit(len(lanes))
        nbytes = 0 if idle else footprints_of(lanes, card)
        if not idle:
            self._check_limits(len(lanes), nbytes)
        supervisor = self._current
        now = asyncio.get_running_loop().time()
        deadline = inf if deadline_s is None else now + deadline_s
        job = Job(
            next(self._ids),
            card,
            dict(enumerate(lanes)),
            progress,
            supervisor.end,
            Terms(owner, IDLE if idle else priority, deadline),
            supervisor.forecast.lane_rows(card.name, lanes[0]) * weight_of(lanes[0], card),
            follow,
            account,
            nbytes,
            halving,
            rounds,
        )
        if deadline_s is not None:
            self._set_deadline(supervisor, job, deadline_s)
        supervisor.accept(job)
        return job

    def before(self, job: Job) -> int:
        """Return how many requests wait that are to start before this one; 0 once it has started.

        An estimate: owners share evenly, which is not looked at.
        """
        if job.started:
            return 0
        waiting = [other for each in self._all for other in each.ledger.jobs if not other.started]
        return sum(_order(other) < _order(job) for other in waiting)

    def _check_limits(self, samples: int, nbytes: int) -> None:
        most = self._limits
        if samples > most.samples:
            raise TooManySamplesError(f"at most {most.samples} at a time, got {samples}")
        if nbytes > most.nbytes:
            raise TooManySamplesError(
                f"{samples} such samples would take {nbytes} bytes, with the frames that are to be "
                f"kept, and at most {most.nbytes} may be taken"
            )
        if self.reserved + samples > most.samples:
            raise QueueFullError(
                f"{self.reserved} samples are under way and at most {most.samples} may be; "
                f"there is no room for {samples} more",
                self._retry_after_s(),
            )
        if self.reserved_bytes + nbytes > most.nbytes:
            raise QueueFullError(
                f"{self.reserved_bytes} bytes are reserved for what is under way and at most "
                f"{most.nbytes} may be; there is no room for {nbytes} more",
                self._retry_after_s(),
            )

    def _set_deadline(self, supervisor: Supervisor, job: Job, deadline_s: float) -> None:
        loop = asyncio.get_running_loop()
        seconds = supervisor.forecast.seconds(job, supervisor.ledger.jobs, loop.time())
        if seconds > deadline_s:
            raise DeadlineUnreachableError(
                f"with what is under way it would take about {seconds:.2g} s, and the deadline is "
                f"{deadline_s:g} s",
                self._retry_after_s(),
            )
        error = DeadlineError("the deadline passed before all samples were done")
        job.timer = loop.call_later(deadline_s, supervisor.end, job, error)

    def _retry_after_s(self) -> float:
        """Estimate when half of what is under way will be done."""
        forecast = self._current.forecast
        at_once = max(map(forecast.rows, self.cards), default=1)
        seconds = self._current.lane_s * self.reserved / at_once / 2
        return min(max(seconds, MIN_RETRY_S), MAX_RETRY_S)


def _order(job: Job) -> tuple[int, float, int]:
    return -job.terms.priority, job.terms.deadline, job.id
