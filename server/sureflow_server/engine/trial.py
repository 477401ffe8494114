"""A folder is tried alone, in a process of its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sureflow_server.engine.messages import Loading, Message, Ready, WorkerConfig
from sureflow_server.engine.process import WorkerProcess
from sureflow_server.engine.silence import Silence


async def trial(config: WorkerConfig, name: str, load_s: float) -> str | None:
    """Load a folder, and generate with it, where nothing else can come to harm.

    Args:
        config: What workers are started with.
        name: Of the folder.
        load_s: Seconds of silence after which it is given up.

    Returns:
        Why it cannot be loaded; ``None`` if it can.
    """
    outcome: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def conclude(reason: str | None) -> None:
        if not outcome.done():
            outcome.set_result(reason)

    def said(message: Message) -> None:
        if isinstance(message, Ready):
            conclude(message.failures.get(name))
        elif isinstance(message, Loading):
            silence.broken()

    def exited(code: int | None) -> None:
        how = "did not start" if code is None else f"ended with code {code}"
        conclude(f"a process of its own {how} while loading it")

    alone = replace(config, only=name, faulty={}, resting=(), standby=False)
    process = WorkerProcess(alone, said, exited)
    silent = f"a process of its own was silent for {load_s:g} s while loading it"
    silence = Silence(load_s, lambda: conclude(silent))
    try:
        return await outcome
    finally:
        silence.end()
        process.kill()
