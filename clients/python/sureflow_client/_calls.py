"""Every request that the server answers, as both clients send it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from typing_extensions import Unpack

from ._call import Call, read
from ._edit_result import EditResult
from ._encode import Given, present
from ._handle import Handle, HandleLike, HandlePage, handle_id
from ._job import Job, JobLike, JobList, job_id
from ._model import Model, ModelList
from ._operations import Operation
from ._options import EditOptions, GenerateOptions, InvertOptions
from ._request import calibrate_body, edit_body, generate_body, invert_body
from ._result import Result
from ._trajectory import Trajectory

GENERATE = "/v1/generate"
EDIT = "/v1/edit"
INVERT = "/v1/invert"
HANDLES = "/v1/handles"
JOBS = "/v1/jobs"
MODELS = "/v1/models"
METRICS = "/metrics"

MAX_PAGE = 1000

IN_BACKGROUND = {"Prefer": "respond-async"}


def generate(model: str | None, n: int | None, **options: Unpack[GenerateOptions]) -> Call[Result]:
    """Return the call of `Client.generate`."""
    return Call("POST", GENERATE, partial(read, Result), generate_body(model, n, **options))


def edit(
    handle: HandleLike, operations: Operation | Sequence[Operation], **options: Unpack[EditOptions]
) -> Call[EditResult]:
    """Return the call of `Client.edit`."""
    body = edit_body(handle_id(handle), operations, **options)
    return Call("POST", EDIT, partial(read, EditResult), body)


def invert(
    samples: Iterable[Given], model: str | None, **options: Unpack[InvertOptions]
) -> Call[Result]:
    """Return the call of `Client.invert`."""
    return Call("POST", INVERT, partial(read, Result), invert_body(samples, model, **options))


def handle(handle: HandleLike, output: str | None) -> Call[Handle]:
    """Return the call of `Client.handle`."""
    return Call("GET", _handle_path(handle), partial(read, Handle), query=present(format=output))


def handles(limit: int | None, before: int | None) -> Call[HandlePage]:
    """Return the call for one page of `Client.handles`."""
    size = MAX_PAGE if limit is None else min(limit, MAX_PAGE)
    return Call("GET", HANDLES, partial(read, HandlePage), query=present(limit=size, before=before))


def delete_handle(handle: HandleLike) -> Call[None]:
    """Return the call of `Client.delete_handle`."""
    return Call("DELETE", _handle_path(handle), _nothing)


def frames(
    handle: HandleLike, t: Iterable[float] | None, show: Sequence[str], output: str | None
) -> Call[Trajectory]:
    """Return the call of `Client.frames`."""
    times = None if t is None else [float(one) for one in t]
    query = present(t=times, show=list(show), format=output)
    return Call("GET", f"{_handle_path(handle)}/frames", partial(read, Trajectory), query=query)


def begin(call: Call[Any]) -> Call[Job]:
    """Return a call by which the same request goes on without its client."""
    return Call(call.method, call.path, partial(read, Job), call.body, headers=IN_BACKGROUND)


def calibrate(model: str, **options: Any) -> Call[Job]:
    """Return the call of `Jobs.calibrate`."""
    path = f"{_model_path(model)}/calibrate"
    return Call("POST", path, partial(read, Job), calibrate_body(**options))


def jobs(limit: int) -> Call[JobList]:
    """Return the call of `Jobs.list`."""
    return Call("GET", JOBS, partial(read, JobList), query={"limit": limit})


def job(job: JobLike) -> Call[Job]:
    """Return the call of `Jobs.get`."""
    return Call("GET", _job_path(job), partial(read, Job))


def job_events(job: JobLike, last: str | None) -> Call[None]:
    """Return the call of `Jobs.events`, for what comes after the event with this number."""
    headers = {"Last-Event-ID": last} if last else {}
    return Call("GET", f"{_job_path(job)}/events", _nothing, headers=headers)


def cancel_job(job: JobLike) -> Call[None]:
    """Return the call of `Jobs.cancel`."""
    return Call("DELETE", _job_path(job), _nothing)


def models() -> Call[ModelList]:
    """Return the call of `Client.models`."""
    return Call("GET", MODELS, partial(read, ModelList))


def model(name: str) -> Call[Model]:
    """Return the call of `Client.model`."""
    return Call("GET", _model_path(name), partial(read, Model))


def load_model(name: str) -> Call[Model]:
    """Return the call of `Client.load_model`."""
    return Call("POST", f"{_model_path(name)}/load", partial(read, Model))


def unload_model(name: str) -> Call[Model]:
    """Return the call of `Client.unload_model`."""
    return Call("POST", f"{_model_path(name)}/unload", partial(read, Model))


def metrics() -> Call[str]:
    """Return the call of `Client.metrics`."""
    return Call("GET", METRICS, bytes.decode, accept="text/plain")


def _handle_path(handle: HandleLike) -> str:
    return f"{HANDLES}/{quote(handle_id(handle), safe='')}"


def _job_path(job: JobLike) -> str:
    return f"{JOBS}/{quote(job_id(job), safe='')}"


def _model_path(name: str) -> str:
    return f"{MODELS}/{quote(name, safe='')}"


def _nothing(content: bytes) -> None:
    """Read an answer that has no body."""
