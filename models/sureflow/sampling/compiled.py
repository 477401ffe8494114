"""Ways to run a head: as it is, as CUDA graphs, or compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast, get_args

import torch
from torch import Tensor

from sureflow.core.execution import Compile
from sureflow.sampling.blocks import Evaluate

COMPILERS = ("torch._dynamo", "torch._inductor")
"""Where the errors of ``torch.compile`` are from, but for those of the network itself."""

LONGEST = 300
"""Most characters of an error that are repeated."""

WARM_UPS = 3
"""Evaluations before the capture, in which libraries choose kernels and allocate workspace."""

Answers = Mapping[str, Tensor]
Capture = Callable[[Callable[[], Answers]], tuple[Callable[[], object], Answers]]
"""Records an evaluation. Returns a function that repeats it, and the tensors that it writes."""


class Graphs:
    """Evaluates a head by replaying one captured graph per row count.

    A graph reads and writes fixed memory: rows are copied in, and answers out, on the device. Tests
    replace ``capture`` where there is no GPU.

    Raises:
        ValueError: When called: the evaluation cannot be captured; begins with ``compile``.
    """

    def __init__(self, evaluate: Evaluate, capture: Capture | None = None) -> None:
        self._evaluate, self._capture = evaluate, capture or capture_cuda
        self._graphs: dict[int, tuple[dict[str, Tensor], Callable[[], object], Answers]] = {}

    def __call__(self, **inputs: Tensor) -> Answers:
        """Answers by name, in memory of their own."""
        rows = len(next(iter(inputs.values())))
        if rows not in self._graphs:
            fixed = {name: z.clone() for name, z in inputs.items()}
            self._graphs[rows] = fixed, *self._captured(fixed)
        fixed, replay, answers = self._graphs[rows]
        for name, target in fixed.items():
            target.copy_(inputs[name], non_blocking=True)
        replay()
        return {name: z.clone() for name, z in answers.items()}

    def _captured(self, fixed: dict[str, Tensor]) -> tuple[Callable[[], object], Answers]:
        try:
            return self._capture(lambda: self._evaluate(**fixed))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            said = f"the network cannot be captured as a CUDA graph: {_first_line(error)}"
            raise ValueError(f"compile: {said}; serve it without") from error


def capture_cuda(run: Callable[[], Answers]) -> tuple[Callable[[], object], Answers]:
    """Capture on the current device, after a warm-up on a stream of its own."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # Another thread may evaluate other models meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        out = run()
    return graph.replay, out


def compiled(evaluate: Evaluate, compile: Compile, device: torch.device) -> Evaluate:
    """Wrap a head so that it runs in a given way.

    ``graphs`` replays the same kernels from one CUDA graph per row count, without Python between
    them. ``compile`` lets ``torch.compile`` fuse kernels, once per row count; that takes minutes
    and changes the last bits of every sample.

    Raises:
        ValueError: The way is unknown, or ``graphs`` is requested without a GPU. When it is called:
            it cannot be run so. The message begins with ``compile``.
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
    return _naming_faults(cast(Evaluate, torch.compile(evaluate, dynamic=False)))


def _naming_faults(evaluate: Evaluate) -> Evaluate:
    """Say what to do where torch cannot compile, which is found out when a head is called."""

    def run(**inputs: Tensor) -> Answers:
        try:
            return evaluate(**inputs)
        except Exception as error:
            if not type(error).__module__.startswith(COMPILERS):
                raise
            said = f"torch cannot compile the network: {_first_line(error)}"
            raise ValueError(f"compile: {said}; serve it without") from error

    return run


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:LONGEST]
