"""Jobs as the wire has them."""

from __future__ import annotations

from datetime import datetime

from sureflow.core.schema import Schema
from sureflow_server.api.background import State
from sureflow_server.api.plan import Kind
from sureflow_server.api.problems import ProblemDocument
from sureflow_server.api.refit_record import RefitResponse
from sureflow_server.api.responses import CalibrationResponse, EditResponse, GenerateResponse


class LaneProgress(Schema):
    """Where a sample stands that is being made."""

    index: int
    step: int
    t: float
    """From 0, noise, to 1, data."""


class JobCounts(Schema):
    """How much of a job is done."""

    done: int
    """Samples made so far, those that a filter turned down included."""

    n: int
    """Samples that were asked for."""


class JobProgress(JobCounts):
    """How far a job has come."""

    queue_position: int | None
    """Requests that are to start before it; null once it has started."""

    lanes: list[LaneProgress]


class JobSummary(Schema):
    """A job in a list."""

    id: str
    request: str
    """Id of the request, as its handles and the log have it."""

    operation: Kind
    state: State
    model: str
    model_version: str
    created_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None
    """When the result will be forgotten; null as long as there is none. It may go before for want
    of room."""

    progress: JobCounts
    error: ProblemDocument | None
    """Why the job failed."""


class JobRecord(JobSummary):
    """A request that goes on without its client."""

    progress: JobProgress
    result: EditResponse | GenerateResponse | CalibrationResponse | RefitResponse | None
    """The answer to the request, once the job is completed."""


class JobList(Schema):
    """One's own jobs, newest first, without their results."""

    jobs: list[JobSummary]
