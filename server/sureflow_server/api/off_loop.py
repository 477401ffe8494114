"""Work that would keep the event loop from others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

SMALL_BYTES = 32 << 10
"""An answer of this size is made in less time than a thread takes to begin."""

_threads = ThreadPoolExecutor(2, "encoder")
"""Few, since they share one lock with the event loop; two, so that a large answer holds up none."""


async def off_loop(work: Callable[[], T], nbytes: int) -> T:
    """Return what work comes to; it is done in a thread if it makes much.

    Args:
        work: Does not keep the interpreter's lock for long at a time.
        nbytes: How much it makes, about.
    """
    if nbytes <= SMALL_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_threads, work)
