"""Removing what has expired, and telling how the store is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from sureflow_server.store.errors import StoreError
from sureflow_server.store.store import Store, Usage

log = logging.getLogger(__name__)

EVERY_S = 1.0


async def sweep(store: Store, observe: Callable[[Usage], None]) -> None:
    """Sweep a store now and then and tell how full it is, until it is cancelled.

    What goes wrong is logged once, not every time, and so is that it is well again.
    """
    said = ""
    while True:
        try:
            await store.sweep()
            observe(await store.usage())
        except StoreError as error:
            if str(error) != said:
                log.error("the store is not well: %s", error)
            said = str(error)
        else:
            if said:
                log.warning("the store is well again")
            said = ""
        await asyncio.sleep(EVERY_S)
