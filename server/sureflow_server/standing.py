"""A random share of what is served, for a judge that looks at it afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from hashlib import sha256

from sureflow.core.lane import Sample
from sureflow_server.served import Served

MOST = 64
"""Samples that wait for the judge; others are passed over meanwhile, whatever they look like."""


def _queue() -> asyncio.Queue[tuple[Served, Sample]]:
    return asyncio.Queue(MOST)


@dataclass
class Standing:
    """Samples that a judge is to look at.

    Attributes:
        judge: Its name; ``None`` if there is none.
        share: Of the samples, in (0, 1].
        waiting: Those chosen.
    """

    judge: str | None = None
    share: float = 0.01
    waiting: asyncio.Queue[tuple[Served, Sample]] = field(default_factory=_queue)

    def offer(self, served: Served, sample: Sample) -> None:
        """Choose a sample, or do not: by its random seed and its index alone."""
        if self.judge is None or self.waiting.full():
            return
        spec = served.spec
        drawn = sha256(f"standing {spec.seed} {spec.index}".encode()).digest()
        if int.from_bytes(drawn[:8]) < self.share * 2**64:
            self.waiting.put_nowait((served, replace(sample, frames=(), views=())))
