"""Ray Serve with ``@serve.batch``: one replica, one batch at a time."""

from __future__ import annotations

import signal
import threading
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.serving.peers.lanes import Answer, Body, Generator, options

OBJECT_STORE_BYTES = 100 << 20


def deployment(chosen: Any) -> Any:
    """The application; batching is set where the method is defined."""

    @serve.deployment(max_ongoing_requests=100_000, ray_actor_options={"num_cpus": 1})
    class Peer:
        def __init__(self) -> None:
            self.generator = Generator(chosen.model, chosen.capacity)

        @serve.batch(max_batch_size=chosen.batch, batch_wait_timeout_s=chosen.wait)
        async def together(self, bodies: list[Body]) -> list[Answer]:
            return self.generator.answer(bodies)

        async def __call__(self, request: Request) -> Any:
            if request.method == "GET":
                return "ok"
            return await self.together(await request.json())

    return Peer.bind()


if __name__ == "__main__":
    chosen = options(__doc__)
    ray.init(num_cpus=1, include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES)
    http = {"host": "127.0.0.1", "port": chosen.port, "request_timeout_s": chosen.timeout}
    serve.start(http_options=http)
    serve.run(deployment(chosen), route_prefix="/")
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    stopped.wait()
    ray.shutdown()
