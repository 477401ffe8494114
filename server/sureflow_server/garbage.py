"""Garbage collection in a process that has started up and will stay as it is for long."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

YOUNG = 700, 10
"""Objects after which the interpreter collects the youngest by itself, and the number of times
after which it collects those as well that have been left; its own defaults."""

NEVER = (1 << 31) - 1

DUE, OVERDUE = 10, 1000
"""Such times after which all objects are due, if nobody waits, and whoever waits."""

LOOK_S = 1.0


def freeze_garbage() -> None:
    """Collect garbage now, and exempt every object that is left from further collections.

    Modules, schemas and networks live as long as the process. A collection that walks through them
    takes a tenth of a second, in which the server sends no refusal and makes no tick; and it writes
    to memory that a worker shares with the fork server. An exempt object is still freed when its
    last reference goes; after many reference cycles have been dropped, ``gc.unfreeze`` comes first.
    """
    gc.collect()
    gc.freeze()


async def collect_at_rest(busy: Callable[[], bool], collected: Callable[[], object]) -> None:
    """Collect all garbage only while nobody waits, until it is cancelled.

    The interpreter would do so in the midst of a large answer, and walk through all of its objects
    while the event loop stands still. The youngest are still collected at any time.

    Args:
        busy: Whether anybody waits.
        collected: Called after each collection.
    """
    before = gc.get_threshold()
    gc.set_threshold(*YOUNG, NEVER)
    try:
        while True:
            await asyncio.sleep(LOOK_S)
            times = gc.get_count()[2]
            if times >= OVERDUE or (times >= DUE and not busy()):
                gc.collect()
                collected()
    finally:
        gc.set_threshold(*before)
