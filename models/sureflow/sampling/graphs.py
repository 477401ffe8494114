"""CUDA graphs: the kernels of one evaluation, launched as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from sureflow.sampling.blocks import Evaluate

WARM_UPS = 3
"""Evaluations before the capture, in which libraries choose kernels and allocate workspace."""

Answers = Mapping[str, Tensor]
Capture = Callable[[Callable[[], Answers]], tuple[Callable[[], object], Answers]]
"""Records an evaluation. Returns a function that repeats it, and the tensors that it writes."""


class Graphs:
    """Evaluates a head by replaying one captured graph per row count.

    A graph reads and writes fixed memory: rows are copied in, and answers out, on the device. Tests
    replace ``capture`` where there is no GPU.
    """

    def __init__(self, evaluate: Evaluate, capture: Capture | None = None) -> None:
        self._evaluate, self._capture = evaluate, capture or capture_cuda
        self._graphs: dict[int, tuple[dict[str, Tensor], Callable[[], object], Answers]] = {}

    def __call__(self, **inputs: Tensor) -> Answers:
        """Answers by name, in memory of their own."""
        rows = len(next(iter(inputs.values())))
        if rows not in self._graphs:
            fixed = {name: z.clone() for name, z in inputs.items()}
            self._graphs[rows] = fixed, *self._capture(lambda: self._evaluate(**fixed))
        fixed, replay, answers = self._graphs[rows]
        for name, target in fixed.items():
            target.copy_(inputs[name], non_blocking=True)
        replay()
        return {name: z.clone() for name, z in answers.items()}


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
