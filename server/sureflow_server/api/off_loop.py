"""Work that would keep the event loop from others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

T = TypeVar("T")

SMALL_BYTES = 32 << 10
"""An answer of this size is made in less time than a thread takes to begin."""

READ = 4
"""Bytes that are made in the time in which one byte of a body is read and validated."""

_threads = ThreadPoolExecutor(2, "off-loop")
"""Few, since they share one lock with the event loop; two, so that no long work holds up all."""


async def off_loop(work: Callable[[], T], nbytes: int) -> T:
    """Return what work comes to; it is done in a thread if it takes long.

    Args:
        work: Does not keep the interpreter's lock for long at a time.
        nbytes: How many bytes are made in the time that it takes, about.
    """
    if nbytes <= SMALL_BYTES:
        return work()
    run = partial(copy_context().run, work)
    return await asyncio.get_running_loop().run_in_executor(_threads, run)
