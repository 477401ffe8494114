"""The process that workers are forked from, which has imported what they need.

These imports take seconds, and a fork milliseconds: so a worker that takes the place of another,
or that only tries a model, is up sooner.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

from sureflow.numerics import decided_for_children

IMPORTS = "sureflow_server.engine.imports"
"""Module that the fork server imports; it imports all the others."""


def fork_server(portable: bool, threads: int) -> ForkServerContext:
    """Start the fork server unless it runs, without waiting for it; it ends with this process.

    Kernels are chosen when torch is imported, so that all workers have those of the first.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([IMPORTS])
    with decided_for_children(portable):
        os.environ["OMP_NUM_THREADS"] = str(threads)
        forkserver.ensure_running()
    return context
