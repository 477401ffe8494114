"""Ways to run a head: as it is, as CUDA graphs, or compiled."""

from __future__ import annotations

from typing import cast, get_args

import torch

from sureflow.core.execution import Compile
from sureflow.sampling.blocks import Evaluate
from sureflow.sampling.graphs import Graphs


def compiled(evaluate: Evaluate, compile: Compile, device: torch.device) -> Evaluate:
    """Wrap a head so that it runs in a given way.

    ``graphs`` replays the same kernels from one CUDA graph per row count, without Python between
    them. ``compile`` lets ``torch.compile`` fuse kernels, once per row count; that takes minutes
    and changes the last bits of every sample.

    Raises:
        ValueError: The way is unknown, or ``graphs`` is requested without a GPU.
    """
    if compile == "off":
        return evaluate
    if compile == "graphs":
        if device.type != "cuda":
            raise ValueError(f"compile: graphs need a CUDA device, not {device}")
        return Graphs(evaluate)
    if compile != "compile":
        raise ValueError(f"compile: {compile!r} is unknown; choose from {get_args(Compile)}")
    # After this many programs of one function torch silently stops compiling it.
    torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
    # A program for all row counts chooses kernels without the size, so that the bits of a row could
    # depend on the rows beside it.
    return cast(Evaluate, torch.compile(evaluate, dynamic=False))
