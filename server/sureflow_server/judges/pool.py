"""A bounded number of processes that judge samples."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import inf
from queue import SimpleQueue
from time import monotonic

from sureflow.core.lane import Sample
from sureflow_server.judges.process import JudgeProcess
from sureflow_server.judges.verdict import Verdict

log = logging.getLogger(__name__)


class JudgePool:
    """Asks judges about samples, as many at a time as there are processes; the others wait.

    Args:
        judges: ``package.module:function`` of each judge by its name. The function takes a list of
            samples and returns for each how bad it is; larger is worse.
        processes: Most samples at a time.
        timeout_s: Seconds after which a judge is given up, its import included.
    """

    def __init__(self, judges: Mapping[str, str], processes: int, timeout_s: float) -> None:
        self.names = tuple(sorted(judges))
        self._judges = dict(judges)
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(processes, "judge")
        self._all = [JudgeProcess() for _ in range(processes)]
        self._idle: SimpleQueue[JudgeProcess] = SimpleQueue()
        for process in self._all:
            self._idle.put(process)
        self._closed = False

    async def ask(self, name: str, sample: Sample, deadline: float = inf) -> Verdict:
        """Return what a judge says of a sample; whatever it does, this raises nothing.

        Args:
            name: Of the judge.
            sample: What it is asked about.
            deadline: Reading of :func:`time.monotonic` at which nobody waits any longer.

        Raises:
            KeyError: There is no judge of this name.
        """
        reference = self._judges[name]
        loop, bare = asyncio.get_running_loop(), replace(sample, frames=(), views=())
        try:
            async with asyncio.timeout(None if deadline == inf else deadline - monotonic()):
                verdict = await loop.run_in_executor(self._threads, self._ask, reference, bare)
        except TimeoutError:
            verdict = Verdict(None, failure="the deadline passed")
        if verdict.failure:
            log.warning("judge %s: %s", name, verdict.failure)
        return verdict

    def close(self) -> None:
        """End all processes; what waits for them is told that they died."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._all:
            process.kill()

    def _ask(self, reference: str, sample: Sample) -> Verdict:
        process, began = self._idle.get(), monotonic()
        try:
            value, failure = process.ask(reference, sample, self._timeout_s)
        finally:
            if self._closed:
                process.kill()
            self._idle.put(process)
        return Verdict(value, monotonic() - began, failure)
