"""What kernels cost that repeat themselves on a GPU: a served model's against free ones.

Servers keep a GPU to deterministic kernels in full float32. Free ones may take TF32, and sums whose
order changes. Both evaluate the same rows in one process and take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from benchmarks.device import add_device
from benchmarks.overhead import median_ratio, paired_times
from benchmarks.report import Report, options
from sureflow.checkpoint import load
from sureflow.model import Model
from sureflow.sampling.blocks import clock
from sureflow.sampling.evaluator import main_head

ROWS = (1, 16, 64)


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--models", nargs="+", default=["fashion", "ring"])
    add_device(parser)
    arguments = parser.parse_args()
    report = Report("gpu-kernels")
    for name in arguments.models:
        measure(report, load(name, arguments.device), 10 if arguments.quick else 100)
    report.write(arguments.json)


@torch.inference_mode()
def measure(report: Report, model: Model, pairs: int) -> None:
    """Time evaluations of several sizes under both choices, and compare their numbers."""
    name, head = model.card.name, model.engine.heads()[model.engine.main]
    report.add(f"{name}: block sizes that verify", str(main_head(model).sizes))
    whole = head.example(max(ROWS))
    for rows in ROWS:
        inputs = {key: value[:rows] for key, value in whole.items()}
        call: Callable[[], Any] = partial(head.evaluate, **inputs)
        times = paired_times(partial(_freely, call), call, pairs, partial(clock, model.device))
        report.add(f"{name}: reproducible / free kernels, {rows} rows", median_ratio(times))
    gap = (_freely(call)["velocity"] - call()["velocity"]).abs().max().item()
    report.add(f"{name}: largest difference of a velocity between them", gap)


def _freely(call: Callable[[], Any]) -> Any:
    with free():
        return call()


@contextmanager
def free() -> Iterator[None]:
    """Let the libraries of the GPU choose kernels as they like."""
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = torch.are_deterministic_algorithms_enabled(), cudnn.allow_tf32, products.allow_tf32
    torch.use_deterministic_algorithms(False)
    cudnn.allow_tf32 = products.allow_tf32 = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        cudnn.allow_tf32, products.allow_tf32 = before[1:]


if __name__ == "__main__":
    main()
