"""Removing what has expired, and telling how full the store is."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from sureflow_server.store.errors import StoreError
from sureflow_server.store.store import Store, Usage

log = logging.getLogger(__name__)

EVERY_S = 10.0


class Observer(Protocol):
    """Who wants to know how full a store is."""

    def stored(self, usage: Usage) -> None:
        """So full it is."""


async def sweep(store: Store, observer: Observer) -> None:
    """Sweep a store now and then, until it is cancelled."""
    while True:
        try:
            await store.sweep()
            observer.stored(await store.usage())
        except StoreError as error:
            log.warning("the store could not be swept: %s", error)
        await asyncio.sleep(EVERY_S)
