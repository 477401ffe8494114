"""Samples that people judged, made again while nothing else runs, and a probe fitted to them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from math import prod
from typing import Any, TypeVar

from sureflow.core.lane import Sample
from sureflow_server.api.idle_run import AGAIN_S, BATCH, IdleRun
from sureflow_server.api.plan import Plan
from sureflow_server.engine.errors import DrainingError
from sureflow_server.engine.refit_process import RefitProcess, RefitTask
from sureflow_server.service import Service

T = TypeVar("T")

FRAMES_BYTES = 1 << 24
"""Of the frames of a batch, about."""

_one = asyncio.Lock()
"""One probe is fitted at a time, since each takes a process with a model of its own."""


class RefitRun(IdleRun):
    """Makes judged samples again, and has a process of its own write a version of their model.

    Attributes:
        task: What that process does.
        written: What the version is worth, once there is one.
    """

    def __init__(self, plan: Plan, service: Service, task: RefitTask) -> None:
        super().__init__(plan, service)
        self.task = task
        self.written: dict[str, Any] = {}
        self._process: RefitProcess | None = None
        self._waited = False

    async def begin(self) -> None:
        """Start the process, and have lanes keep the frames that it reads."""
        await _one.acquire()
        self._waited = True
        self._process = RefitProcess(self.task)
        times = await self._unless_draining(self._process.times())
        lanes = tuple(replace(lane, keep=times) for lane in self.plan.lanes)
        shape = self.plan.card.state_shape or self.plan.card.shape
        self.batch = max(1, min(BATCH, FRAMES_BYTES // (4 * prod(shape) * len(times))))
        self.plan = replace(self.plan, lanes=lanes)

    async def take(self, samples: Sequence[Sample]) -> None:
        """Have the process read them."""
        assert self._process is not None
        await self._unless_draining(self._process.take(samples))

    async def conclude(self) -> None:
        """Have the process fit the probe and write the version."""
        assert self._process is not None
        self.written = await self._unless_draining(self._process.written())
        self.warnings += self.written.pop("warnings")

    def release(self) -> None:
        """End the process, and let the next one begin."""
        if self._process is not None:
            self._process.kill()
        if self._waited:
            self._waited = False
            _one.release()

    async def _unless_draining(self, answer: Coroutine[Any, Any, T]) -> T:
        """Wait for an answer of the process; nobody waits for it when the server ends.

        Raises:
            DrainingError: The server is about to end.
        """
        waiting = asyncio.create_task(answer)
        try:
            while not (await asyncio.wait({waiting}, timeout=AGAIN_S))[0]:
                if self._pool.draining:
                    raise DrainingError("the server is shutting down", 5)
            return waiting.result()
        finally:
            waiting.cancel()
