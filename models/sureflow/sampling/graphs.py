"""CUDA graphs: the kernels of one evaluation, launched as one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sureflow.networks import Reply, VelocityNetwork

WARM_UPS = 3
"""Evaluations before the capture, in which libraries choose kernels and take their workspace."""

Capture = Callable[[Callable[[], Reply]], tuple[Callable[[], object], Reply]]
"""Records an evaluation; returns what repeats it and the tensors that it writes each time."""


class Graphs:
    """Evaluates a network by replaying one captured graph per row count.

    A graph reads and writes fixed memory: rows are copied in, and replies out, on the device.

    Args:
        network: In evaluation mode, on a CUDA device.
        capture: Records an evaluation; another one stands in where there is no GPU.
    """

    def __init__(self, network: VelocityNetwork, capture: Capture | None = None) -> None:
        self._network = network
        self._capture = capture or capture_cuda
        self._graphs: dict[int, tuple[tuple[Tensor, ...], Callable[[], object], Reply]] = {}

    def __call__(self, x: Tensor, t: Tensor, label: Tensor) -> Reply:
        """Velocity and variance, in memory of their own."""
        rows = (x, t, label)
        if len(x) not in self._graphs:
            held = tuple(part.clone() for part in rows)
            replay, out = self._capture(lambda: self._network.moments(*held))
            self._graphs[len(x)] = held, replay, out
        held, replay, out = self._graphs[len(x)]
        for target, part in zip(held, rows, strict=True):
            target.copy_(part, non_blocking=True)
        replay()
        return out.map(torch.clone)


def capture_cuda(run: Callable[[], Reply]) -> tuple[Callable[[], object], Reply]:
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
