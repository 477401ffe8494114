"""Requests under way: what each is owed, what the worker has been given, who is under suspicion."""

from __future__ import annotations

from collections.abc import Collection

from sureflow.core.lane import LaneSpec
from sureflow_server.engine.admission import footprint_of
from sureflow_server.engine.job import Job

MAX_CRASHES = 3
SUSPECT_CRASHES = 2


class Ledger:
    """Bookkeeping of the pool, without a process or a clock.

    After a crash everything unfinished is handed to the next worker, since lanes are deterministic.
    A request in flight in two crashes in a row is a suspect and runs alone: if it does kill
    workers, the third one dies without taking anybody else's request along, and the suspect is
    given up; if it does not, it clears itself by finishing a sample.

    Attributes:
        reserved: Samples accepted and not finished, but for those of idle requests.
        nbytes: Bytes reserved for requests that have not ended; what is finished of them is there
            until all is.
    """

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._unsent: dict[int, Job] = {}
        self._alone: Job | None = None
        self.reserved = self.nbytes = 0

    @property
    def jobs(self) -> Collection[Job]:
        """The requests under way, oldest first."""
        return tuple(self._jobs.values())

    def __contains__(self, job: Job) -> bool:
        return job.id in self._jobs

    def get(self, request: int) -> Job | None:
        """Find a request by its number; ``None`` once it has ended."""
        return self._jobs.get(request)

    def open(self, job: Job) -> None:
        """Enter a request and reserve room for its lanes."""
        self._jobs[job.id] = self._unsent[job.id] = job
        if not job.idle:
            self.reserved += len(job.unfinished)
            self.nbytes += job.nbytes
        job.account.enter(len(job.unfinished))

    def deliver(self, job: Job, lane: int) -> None:
        """Cross out a finished lane."""
        del job.unfinished[lane]
        job.crashes = 0
        self.reserved -= not job.idle
        job.account.leave(1)

    def launch(self, job: Job, spec: LaneSpec) -> int:
        """Enter one more lane, for which one has just been crossed out; return its number."""
        number = job.launched
        job.unfinished[number] = spec
        job.launched += 1
        self.reserved += 1
        more = footprint_of(spec, job.card)
        job.nbytes += more
        self.nbytes += more
        job.account.enter(1)
        return number

    def close(self, job: Job) -> None:
        """Strike a request out, with whatever it is still owed."""
        del self._jobs[job.id]
        self._unsent.pop(job.id, None)
        if not job.idle:
            self.reserved -= len(job.unfinished)
            self.nbytes -= job.nbytes
        job.account.leave(len(job.unfinished))
        if self._alone is job:
            self._alone = None

    def hand_over(self) -> list[Job]:
        """Return the requests that the worker shall be given now; they count as given."""
        if self._alone is not None:
            return []
        suspects = (job for job in self._unsent.values() if job.crashes >= SUSPECT_CRASHES)
        suspect = next(suspects, None)
        if suspect is None:
            batch = list(self._unsent.values())
        elif len(self._unsent) == len(self._jobs):
            self._alone, batch = suspect, [suspect]
        else:
            return []
        for job in batch:
            del self._unsent[job.id]
        return batch

    def was_given(self, job: Job) -> bool:
        """Whether the present worker knows the request."""
        return job in self and job.id not in self._unsent

    def take_back(self) -> list[Job]:
        """Take everything back from a dead worker; return the requests to give up."""
        self._alone = None
        self._unsent = dict(self._jobs)
        for job in self._jobs.values():
            job.crashes += job.in_flight
            job.in_flight = False
        return [job for job in self._jobs.values() if job.crashes >= MAX_CRASHES]
