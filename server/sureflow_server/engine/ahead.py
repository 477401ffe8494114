"""On a first start, a second process verifies block sizes while the first one loads."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from sureflow.checkpoint import load
from sureflow.sampling.evaluator import evaluators
from sureflow.sampling.verified import VerifiedSizes
from sureflow_server.engine.messages import WorkerConfig
from sureflow_server.engine.standby import can_fork

PR_SET_PDEATHSIG = 1
"""Of ``prctl``: the signal that a process gets when the one that has forked it ends."""


@contextmanager
def verified_ahead(folders: Sequence[Path], config: WorkerConfig) -> Iterator[None]:
    """Meanwhile verify the block sizes of half of the models, the last first, if none are known.

    Whoever loads all from the first on finds what is known by then, and believes it after a look.
    That is done for the models that ship, on a CPU with a second core, and with nobody's code.
    """
    child = os.fork() if _worthwhile(folders, config) else None
    if child == 0:
        _verify([*reversed(folders[len(folders) // 2 :])], config)
    try:
        yield
    finally:
        if child is not None:
            os.kill(child, signal.SIGKILL)  # it has not been waited for, so the number is its own
            os.waitpid(child, 0)


def _worthwhile(folders: Sequence[Path], config: WorkerConfig) -> bool:
    shipped = config.models_dir is None and not config.plugins
    plain = config.device == "cpu" and config.compile == "off"
    if not (shipped and plain and config.verified_dir and len(folders) > 1 and can_fork()):
        return False
    known = config.verified_dir.is_dir() and any(config.verified_dir.iterdir())
    return not known and (os.cpu_count() or 1) > config.threads


def _verify(folders: Sequence[Path], config: WorkerConfig) -> NoReturn:
    """Verify until all is done or the other process ends; what goes wrong is its to tell."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        logging.disable()
        with suppress(Exception):
            for folder in folders:
                _verify_heads(folder, config)
    finally:
        os._exit(0)


def _verify_heads(folder: Path, config: WorkerConfig) -> None:
    assert config.verified_dir is not None
    model = load(folder, config.device, precision=config.precision, compile=config.compile)
    known = evaluators(model, VerifiedSizes.of(model, config.verified_dir))
    for head in model.engine.heads():
        known[head]
