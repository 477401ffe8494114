"""A job of another replica."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from sureflow_server.api.json_pieces import text
from sureflow_server.api.stream import Events
from sureflow_server.store import StoreUnavailableError

if TYPE_CHECKING:
    from sureflow_server.replicas.lease_store import Entry, LeaseStore

EVENTS = 16
"""Looked at together, so that one who follows does not hold all of them."""

LOOK_S = 0.25
"""Between two looks at what has happened."""

CANCEL_S = 10.0
"""Longest wait for a replica that is to cancel a job."""


class RemoteJob:
    """A job of another replica, as that one last reported it.

    Attributes:
        id: By which it is asked after.
        result: The answer as JSON, in parts, once it is completed; else empty.
        event_bytes: Of its largest event, as far as anybody knows.
    """

    event_bytes = 4096

    def __init__(self, leases: LeaseStore, owner: str, id: str, entry: Entry) -> None:
        self._leases = leases
        self._owner = owner
        self.id = id
        self.result = (entry.body,) if entry.body else ()
        self._record = _record(entry)

    @property
    def created(self) -> float:
        """When it was accepted, in seconds since the epoch."""
        return datetime.fromisoformat(self._record["created_at"]).timestamp()

    def summary(self) -> dict[str, Any]:
        """Return how it stands in short, the schema being ``JobSummary``."""
        progress = {name: self._record["progress"][name] for name in ("done", "n")}
        return {**self._record, "progress": progress}

    def record(self) -> dict[str, Any]:
        """Return how it stands, the schema being ``JobRecord`` but for the result."""
        return self._record

    async def discard(self) -> None:
        """Cancel it if it is under way, forget it if it has ended.

        Returns when its lanes are free, or when its replica has not said so for a while.

        Raises:
            StoreUnavailableError: Redis is gone.
        """
        if await self._leases.discard(self._owner, self.id) != "busy":
            return
        end = monotonic() + CANCEL_S
        while await self._leases.cancel(self._owner, self.id) == "busy" and monotonic() < end:
            await asyncio.sleep(LOOK_S)

    async def events(self, first: int) -> Events:
        """Yield what happens; see :meth:`~sureflow_server.api.background.Background.events`."""
        number, known = first, dict[int, dict[str, Any]]()
        while True:
            try:
                entry = await self._leases.find(self._owner, self.id, number, EVENTS)
            except StoreUnavailableError:
                await asyncio.sleep(LOOK_S)
                continue
            for event in entry.events:
                yield number, *read_event(event)
                number += 1
            if len(entry.events) == EVENTS:
                continue
            if entry.how != "none":
                self._record = _record(entry)
            for lane in self._record["progress"]["lanes"]:
                if known.get(lane["index"]) != lane:
                    known[lane["index"]] = lane
                    yield None, "step", text(lane)
            if entry.how == "lapsed":
                yield number, "error", text(self._record["error"])
            if entry.how != "busy":
                return
            await asyncio.sleep(LOOK_S)


def write_event(name: str, data: bytes) -> bytes:
    """Return an event as one replica tells others of it: a JSON array of its name and data."""
    return b'["%b",%b]' % (name.encode(), data)


def read_event(event: bytes) -> tuple[str, bytes]:
    """Return the name and the data of an event."""
    name, _, data = event[2:-1].partition(b'",')
    return name.decode(), data.strip()


def _record(entry: Entry) -> dict[str, Any]:
    """How a job stands; it has failed if its replica is dead."""
    note = json.loads(entry.note)
    record: dict[str, Any] = note["record"]
    if entry.how == "lapsed":
        progress = {**record["progress"], "queue_position": None, "lanes": []}
        record |= {"state": "failed", "progress": progress, "error": note["lost"]}
    return record
