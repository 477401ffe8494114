"""Which event loop runs: connections belong to one."""

from __future__ import annotations

import asyncio


def running_loop() -> object:
    """Return what stands for the event loop that runs the caller, of asyncio or of trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        from anyio.lowlevel import current_token

        token = current_token()
        return getattr(token, "native_token", token)


def no_loop() -> object:
    """Return what stands for the want of one, in code that blocks."""
    return None
