"""The process that workers are forked from, which has imported what they need.

These imports take seconds, and a fork milliseconds: so a worker that takes the place of another,
or that only tries a model, is up sooner.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

from sureflow.numerics import decide

IMPORTS = "sureflow_server.engine.imports"
"""Module that the fork server imports; it imports all the others."""


def fork_server(portable: bool, threads: int) -> ForkServerContext:
    """Start the fork server unless it runs, without waiting for it; it ends with this process.

    Kernels are chosen when torch is imported, by the environment. It stays as it is set here, for
    should the fork server die, then whoever starts a worker next starts another one.
    """
    decide(portable or None)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([IMPORTS])
    forkserver.ensure_running()
    return context
