"""What has happened to a job, each event encoded once for whoever follows."""

from __future__ import annotations

import asyncio
from sys import getsizeof
from typing import Any

from sureflow_server.api.json_pieces import text
from sureflow_server.api.off_loop import off_loop
from sureflow_server.api.plan import Plan
from sureflow_server.api.run import Result
from sureflow_server.api.stream import named
from sureflow_server.engine.messages import Started

SLOT_BYTES = 100
"""Of an event beside its text: its tuple, and its place in the list."""


class History:
    """Events of a job in their order, from ``queued`` to the last one.

    Attributes:
        events: Name and JSON of each that has been encoded.
    """

    def __init__(self, opening: dict[str, Any]) -> None:
        self.events = [("queued", text(opening))]
        self._waiting: list[Started | Result] = []
        self._order = asyncio.Lock()

    @property
    def size(self) -> int:
        """Bytes that the events take."""
        return sum(SLOT_BYTES + getsizeof(data) for _, data in self.events)

    def add(self, event: Started | Result) -> None:
        """Add an event; it is among the others once it is encoded."""
        self._waiting.append(event)

    async def encode(self, plan: Plan) -> None:
        """Encode what has been added, and return when that is done."""
        async with self._order:
            batch = self._waiting[:]
            count = sum(isinstance(event, Result) for event in batch)
            texts = await off_loop(
                lambda: [named(event, plan) for event in batch], count * plan.record_bytes
            )
            for event, told in zip(batch, texts, strict=True):
                if isinstance(event, Result):
                    event.text = told[1]
                self.events.append(told)
            del self._waiting[: len(batch)]

    def end(self, name: str, data: dict[str, Any]) -> None:
        """Add the last event."""
        self.events.append((name, text(data)))
