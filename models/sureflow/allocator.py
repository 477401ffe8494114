"""Memory that the C library keeps or gives back.

By default it asks the system anew for the memory of every large tensor, or shortly after has given
it back, and the system fills each page with zeros: some 4,000 pages for an evaluation of sixteen
images. Where the C library is not that of GNU, nothing is done.
"""

from __future__ import annotations

import ctypes
from functools import cache

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Parameters of ``mallopt``, see its manual page."""

LARGE_BYTES = 32 << 20
"""Blocks of memory as large as these still are the system's own; the most that can be said."""

KEPT_BYTES = 256 << 20
"""Free memory that is kept at most."""


@cache
def keep_freed() -> None:
    """Keep memory that is let go of for the tensors to come, in this process from now on."""
    if adjust := getattr(ctypes.CDLL(None), "mallopt", None):
        adjust(MMAP_THRESHOLD, LARGE_BYTES)
        adjust(TRIM_THRESHOLD, KEPT_BYTES)


def give_back() -> None:
    """Give all memory back to the system that is free; it takes some milliseconds."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
