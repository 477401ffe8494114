"""Plain FastAPI: every request runs the offline loop in the framework's own thread pool."""

from __future__ import annotations

from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from benchmarks.serving.peers.lanes import Answer, Generator, options


def application(generator: Generator) -> FastAPI:
    """The whole server."""
    app = FastAPI()

    @app.get("/health")
    async def health() -> str:
        return "ok"

    @app.post("/generate")
    async def generate(body: dict[str, Any]) -> Answer:
        answers = await run_in_threadpool(generator.answer, [body])
        return answers[0]

    return app


if __name__ == "__main__":
    chosen = options(__doc__)
    app = application(Generator(chosen.model, chosen.capacity))
    uvicorn.run(app, port=chosen.port, log_level="warning")
