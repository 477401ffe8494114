"""Removing what has expired, and telling how full the store is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sureflow_server.store.errors import StoreError
from sureflow_server.store.store import Store, Usage

log = logging.getLogger(__name__)

EVERY_S = 10.0


async def sweep(store: Store, observe: Callable[[Usage], None]) -> None:
    """Sweep a store now and then and tell how full it is, until it is cancelled."""
    while True:
        try:
            await store.sweep()
            observe(await store.usage())
        except StoreError as error:
            log.warning("the store could not be swept: %s", error)
        await asyncio.sleep(EVERY_S)
