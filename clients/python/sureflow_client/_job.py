"""Requests that go on without their client."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from ._calibration import Calibration
from ._edit_result import EditResult
from ._events import Step
from ._exceptions import InvalidArgument, MissingData
from ._problem import problem_error
from ._refit import Refit
from ._result import Result
from ._wire import Wire


class LaneProgress(Step):
    """Where a sample stands that is being made."""


class JobCounts(Wire):
    """How much of a job is done."""

    done: int
    """Samples made so far, those that a filter turned down included."""

    n: int
    """Samples that will be made, at least: a filter may call for more."""


class JobProgress(JobCounts):
    """How far a job has come."""

    queue_position: int | None
    """Requests that are to start before it; ``None`` once it has started."""

    lanes: tuple[LaneProgress, ...]
    """The samples that are being made."""

    @property
    def share(self) -> float:
        """What is done of it, in [0, 1]; samples on their way count by their time."""
        ahead = sum(lane.t for lane in self.lanes)
        return min((self.done + ahead) / max(self.n, self.done + len(self.lanes), 1), 1.0)


class JobSummary(Wire):
    """A job in a list."""

    id: str
    """Name of the job."""

    request: str | None = None
    """The server's name for the request, ``Result.id``."""

    operation: str
    """``generate``, ``edit``, ``invert``, ``calibrate`` or ``refit``."""

    state: str
    """``queued``, ``running``, ``completed``, ``failed`` or ``cancelled``."""

    model: str
    """Name of the model that answers."""

    model_version: str
    """Its checksum."""

    created_at: datetime
    """When it was accepted."""

    ended_at: datetime | None
    """When it ended; ``None`` as long as it has not."""

    expires_at: datetime | None
    """When the server forgets its result, at the latest; ``None`` as long as there is none."""

    progress: JobCounts
    """How much of it is done."""

    error: dict[str, Any] | None = Field(default=None, repr=False)
    """The problem document of a job that failed or was cancelled; `Job.outcome` raises it."""

    @property
    def ended(self) -> bool:
        """Whether it is over: completed, failed or cancelled."""
        return self.ended_at is not None


class Job(JobSummary):
    """A request that goes on without its client; see `Client.jobs`."""

    progress: JobProgress
    """How far it has come."""

    result: EditResult | Result | Calibration | Refit | None = Field(
        repr=False, union_mode="left_to_right"
    )
    """What it came to; ``None`` unless it is completed. `outcome` says why not."""

    def outcome(self) -> Result:
        """Return what it came to; of an edit, that is an `EditResult`.

        Raises:
            JobCancelled: It was cancelled.
            ProblemError: It failed; the subclass says why.
            MissingData: It has not ended yet, or has made no samples: see `result`.
        """
        if isinstance(self.result, Calibration | Refit):
            raise MissingData(f"{self.id} has made no samples; Job.result says what it has learned")
        if self.result is not None:
            return self.result
        if self.error is not None:
            raise problem_error(self.error)
        raise MissingData(f"{self.id} is {self.state}; Jobs.wait waits for it")


class JobList(Wire):
    """The answer of ``GET /v1/jobs``."""

    jobs: tuple[JobSummary, ...]


JobLike = str | JobSummary
"""Whatever names a job: its id, or what is known of it."""


def job_id(job: JobLike) -> str:
    """Return the id of a job; raise `InvalidArgument` for what names none."""
    if isinstance(job, JobSummary):
        return job.id
    if isinstance(job, str):
        return job
    raise InvalidArgument(f"a {type(job).__name__} names no job; give its id")
