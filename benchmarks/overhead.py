"""What the variance costs: velocity with variance against velocity alone, per evaluation.

Paired runs at 16 rows on one thread, alternating, so that a noisy machine hits both alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.report import Report, options
from sureflow.checkpoint import load

ROWS = 16


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--models", nargs="+", default=["fashion", "ring"])
    arguments = parser.parse_args()
    pairs = 40 if arguments.quick else 200
    report = Report("overhead")
    for name in arguments.models:
        ratio, plain = measure(name, pairs)
        report.add(f"{name}: velocity alone, {ROWS} rows", plain * 1e3, "ms")
        report.add(f"{name}: velocity with variance / velocity alone", ratio)
    report.write(arguments.json)


@torch.inference_mode()
def measure(name: str, pairs: int) -> tuple[float, float]:
    """Median ratio of paired times, and the median time of the velocity alone in seconds."""
    network = load(name).network
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, *network.shape, generator=generator)
    t = torch.rand(ROWS, generator=generator)
    label = torch.randint(0, network.classes + 1, (ROWS,), generator=generator)
    for _ in range(5):
        network(x, t, label)
        network.moments(x, t, label)
    ratios, plain = [], []
    for pair in range(pairs):
        calls: list[Callable[[], object]] = [
            lambda: network(x, t, label),
            lambda: network.moments(x, t, label),
        ]
        swapped = pair % 2 == 1
        times = [seconds(call) for call in (reversed(calls) if swapped else calls)]
        alone, both = reversed(times) if swapped else times
        ratios.append(both / alone)
        plain.append(alone)
    return statistics.median(ratios), statistics.median(plain)


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
