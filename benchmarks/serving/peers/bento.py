"""BentoML with adaptive batching: it learns batch time by batch size and waits accordingly.

``bentoml serve`` imports this file anew in its own processes, so that options travel in the
environment.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import bentoml

from benchmarks.serving.peers.lanes import Generator, options

VARIABLE = "SERVING_PEER"
chosen: dict[str, Any] = json.loads(os.environ.get(VARIABLE, "{}"))
timeout: float = chosen.get("timeout", 30)


@bentoml.service(workers=1, traffic={"timeout": timeout, "max_concurrency": 100_000})
class Peer:
    """The whole server."""

    def __init__(self) -> None:
        self.generator = Generator(chosen["model"], chosen["capacity"])

    @bentoml.api(
        batchable=True,
        max_batch_size=chosen.get("batch", 8),
        max_latency_ms=int(1000 * timeout),
        route="/generate",
    )
    def generate(self, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Generate for all of them."""
        return self.generator.answer(bodies)


if __name__ == "__main__":
    arguments = options(__doc__)
    os.environ[VARIABLE] = json.dumps(vars(arguments))
    service = "benchmarks.serving.peers.bento:Peer"
    command = [sys.executable, "-m", "bentoml", "serve", service, "--host", "127.0.0.1"]
    os.execv(sys.executable, [*command, "--port", str(arguments.port)])
