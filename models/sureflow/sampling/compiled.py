"""The ways to run a head on one row count: as it is, as CUDA graphs, or compiled."""

from __future__ import annotations

from typing import cast, get_args

import torch

from sureflow.core.execution import Compile
from sureflow.sampling.blocks import Evaluate
from sureflow.sampling.graphs import Graphs


def compiled(evaluate: Evaluate, compile: Compile, device: torch.device) -> Evaluate:
    """A head, run in the way asked for.

    ``graphs`` replays the same kernels from one CUDA graph per row count, without Python between
    them. ``compile`` lets ``torch.compile`` fuse kernels, once per row count; that takes minutes
    and changes the last bits of every sample.

    Raises:
        ValueError: There is no such way, or ``graphs`` is asked for without a GPU.
    """
    if compile == "off":
        return evaluate
    if compile == "graphs":
        if device.type != "cuda":
            raise ValueError(f"compile: graphs need a CUDA device, not {device}")
        return Graphs(evaluate)
    if compile != "compile":
        raise ValueError(f"compile: {compile!r} is unknown; choose from {get_args(Compile)}")
    # torch gives up silently, and runs the rest as it is, after so many programs of one function.
    torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
    # One program per row count, never one for all: kernels chosen by a size that is not known when
    # they are made would tie a row's bits to its company.
    return cast(Evaluate, torch.compile(evaluate, dynamic=False))
