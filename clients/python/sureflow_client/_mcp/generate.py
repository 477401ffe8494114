"""The tool ``generate``."""

from __future__ import annotations

from pydantic import Field

from .._job import Job
from .made import Made, going_on, made
from .sampling import Seeded
from .tool import Answer, Call, Tool
from .work import outcome, stopped_with, watched

MOST = 64


class Generate(Seeded):
    """What to generate."""

    n: int = Field(4, ge=1, le=MOST)
    """How many samples."""


async def awaited(call: Call, job: Job, wait_s: float, pictured: bool) -> Answer:
    """Return what a job of one's own comes to, or that it goes on."""
    async with stopped_with(call, [job]):
        (known,) = await watched(call, [job], wait_s)
        result = await outcome(call, known)
    return going_on(known) if result is None else await made(result, pictured)


async def _run(call: Call, asked: Generate) -> Answer:
    job = await call.client.jobs.generate(
        asked.model, asked.n, seed=asked.seed, rewind=True, **asked.options()
    )
    return await awaited(call, job, asked.wait_s, asked.picture)


GENERATE = Tool(
    "generate",
    "Make samples, each with a confidence and a handle. If only good ones are wanted: keep_best.",
    Generate,
    Made,
    _run,
    changes="adds",
)
