"""The tool ``job``."""

from __future__ import annotations

from pydantic import Field

from .made import Made, going_on, made
from .sampling import Waiting
from .tool import Answer, Call, Tool
from .work import forget, outcome, watched


class JobArguments(Waiting):
    """Which job."""

    job: str = Field(max_length=200)
    """Its id."""

    cancel: bool = False
    """Cancel it in place of waiting."""


async def _run(call: Call, asked: JobArguments) -> Answer:
    job = await call.client.jobs.get(asked.job)
    if asked.cancel:
        await forget(call, job)
        facts = Made(model=job.model, made=job.progress.done, job=job.id, state="cancelled")
        return Answer(f"{job.id} is cancelled, after {job.progress.done} samples.", facts)
    (known,) = await watched(call, [job], asked.wait_s)
    result = await outcome(call, known)
    return going_on(known) if result is None else await made(result, asked.picture)


JOB = Tool(
    "job",
    "Wait for something that goes on (a job that another tool answered), or cancel it.",
    JobArguments,
    Made,
    _run,
    changes="removes",
)
