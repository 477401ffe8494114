"""The worker process: loads every model, proves that each can generate, and runs the tick loop."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from sureflow_server.engine.messages import Ready, Shutdown, WorkerConfig
from sureflow_server.engine.process_name import call_this_process

if TYPE_CHECKING:
    from sureflow.sampling.sampler import Sampler
    from sureflow_server.engine.model_cache import ModelCache

log = logging.getLogger(__name__)

WORKER_NICENESS = 5
"""How far the worker stands back for the API process where both want the same core."""

OOM_SCORE = Path("/proc/self/oom_score_adj")
"""By it Linux chooses which process to end when memory runs out; the highest first, of 1000."""


def run(connection: Connection, config: WorkerConfig) -> None:
    """Entry point of the process; returns when told to, or when the other end of the pipe closes.

    The terminal's Ctrl-C and a service manager's SIGTERM reach the whole process group; when the
    worker ends is for the API process to decide, which first lets running requests finish.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(WORKER_NICENESS)
    call_this_process("sureflow-loader")
    with suppress(OSError):  # if memory runs out, this process is one that can be replaced
        OOM_SCORE.write_text("500")

    import torch

    from sureflow.allocator import give_back
    from sureflow.numerics import make_deterministic
    from sureflow_server.engine.loader import load_all
    from sureflow_server.engine.standby import can_fork, stand_by
    from sureflow_server.garbage import freeze_garbage

    torch.set_num_threads(config.threads)
    if config.device.startswith("cuda"):
        make_deterministic()
    try:
        ready, cache = load_all(config, connection.send)
        freeze_garbage()
        give_back()  # blocks of all sizes were tried, and warm-ups made; forks would not share it
        if config.standby and can_fork():
            stand_by(connection, partial(serve, config=config, cache=cache), ready, cache)
            return
        if config.standby:
            log.warning("nothing stands by for the worker, as a library has started threads")
        serve(connection, ready, config, cache)
    except (BrokenPipeError, ConnectionResetError):
        return


def serve(connection: Connection, ready: Ready, config: WorkerConfig, cache: ModelCache) -> None:
    """Serve with models that have been loaded, until told to end, or the pipe closes."""
    from sureflow.allocator import give_back
    from sureflow_server.engine.loader import fetch
    from sureflow_server.engine.loop import TickLoop

    call_this_process("sureflow-worker")
    inbox: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_receive, args=(connection, inbox), daemon=True).start()
    connection.send(ready)
    cards = {card.name: card for card in ready.cards}

    def bring(name: str) -> Sampler:
        """As it was before, by other timings too, so that it takes no more memory."""
        as_before = replace(config, capacity=len(ready.tick_s[name]) - 1)
        return fetch(Path(ready.folder) / name, as_before, cards[name])

    send = connection.send
    loop = TickLoop(cache, inbox, send, ready.tick_s, config.admission, bring, rest=give_back)
    loop.run()


def _receive(connection: Connection, inbox: SimpleQueue[Any]) -> None:
    while True:
        try:
            inbox.put(connection.recv())
        except (EOFError, OSError):
            inbox.put(Shutdown())
            return
