"""A second process verifies block sizes while the first one loads."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from sureflow.checkpoint import WEIGHTS, load
from sureflow.sampling.evaluator import evaluators
from sureflow.sampling.verified import VerifiedSizes
from sureflow_server.engine.messages import WorkerConfig
from sureflow_server.engine.standby import can_fork

PR_SET_PDEATHSIG = 1
"""Of ``prctl``: the signal that a process gets when the one that has forked it ends."""


Ahead = Iterator[tuple[Path, Set[str]]]
"""Models in the order in which to load them, and what was seen of each; see
:class:`~sureflow.sampling.verified.VerifiedSizes`."""


@contextmanager
def verified_ahead(folders: Sequence[Path], config: WorkerConfig) -> Iterator[Ahead]:
    """Yield the models in the order in which to load them, while another process verifies some.

    It takes the largest first, whose verification takes longest, and the others load the smallest
    first; whoever comes to the one that it is at waits for it. Both are forks of one process and
    have its kernels, so nothing is looked at twice. There is such a process for the models that
    ship, on a CPU with a second core, and with nobody's code.
    """
    if not _worthwhile(folders, config):
        yield ((folder, frozenset()) for folder in folders)
        return
    smallest_first = sorted(folders, key=_size)
    ours, theirs = Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        _verify(smallest_first[::-1], config, theirs)
    theirs.close()
    try:
        yield _unless_verified_now(smallest_first, ours)
    finally:
        os.kill(child, signal.SIGKILL)  # it has not been waited for, so the number is its own
        os.waitpid(child, 0)
        ours.close()


def _unless_verified_now(folders: Sequence[Path], done: Connection) -> Ahead:
    """The models, each once the other process has begun with another one, or ended."""
    left, seen = [*folders], dict[Path, Set[str]]()
    for folder in folders:
        with suppress(EOFError, OSError):
            while left and (left[-1] == folder or done.poll()):
                seen[left[-1]] = done.recv()
                left.pop()
        yield folder, seen.get(folder, frozenset())


def _size(folder: Path) -> int:
    weights = folder / WEIGHTS
    return weights.stat().st_size if weights.exists() else 0


def _worthwhile(folders: Sequence[Path], config: WorkerConfig) -> bool:
    shipped = config.models_dir is None and not config.plugins
    plain = config.device == "cpu" and config.compile == "off"
    possible = shipped and plain and config.verified_dir and len(folders) > 1 and can_fork()
    return bool(possible) and (os.cpu_count() or 1) > config.threads


def _verify(folders: Sequence[Path], config: WorkerConfig, done: Connection) -> NoReturn:
    """Verify until all is done or the other process ends; what goes wrong is its to tell."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        logging.disable()
        for folder in folders:
            seen: Set[str] = frozenset()
            with suppress(Exception):
                seen = _verify_heads(folder, config)
            done.send(seen)
    finally:
        os._exit(0)


def _verify_heads(folder: Path, config: WorkerConfig) -> Set[str]:
    assert config.verified_dir is not None
    model = load(folder, config.device, precision=config.precision, compile=config.compile)
    verified = VerifiedSizes.of(model, config.verified_dir)
    known = evaluators(model, verified)
    for head in model.engine.heads():
        known[head]
    for bucket in model.engine.buckets():
        for head in model.engine.deciding():  # on which the fingerprint depends
            known.at(bucket)[head]
    return verified.seen
