"""What confidence costs: velocity with variance against velocity alone.

Per evaluation of the network, and end to end: the same lanes through the same sampler, with the
network against one whose variance is a constant that costs nothing. Pairs alternate, so that a
noisy machine hits both alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.device import add_device
from benchmarks.report import Report, options
from sureflow.checkpoint import load
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.moments import Moments
from sureflow.networks import NetworkOutput, VelocityNetwork
from sureflow.sampling.blocks import clock
from sureflow.sampling.evaluator import main_head
from sureflow.sampling.sampler import Sampler

ROWS = 16
LANES = (16, 32)
STEPS = 10


class Plain(VelocityNetwork):
    """The velocity of a network, with no variance but a constant."""

    def __init__(self, network: VelocityNetwork) -> None:
        super().__init__(network.shape, network.classes, floor=0.0)
        self.network, self.noise = network, nn.ModuleDict()
        self._zeros: dict[int, Tensor] = {}

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Velocity alone."""
        return Moments(self.network(x, t, label))

    def moments(
        self, x: Tensor, t: Tensor, label: Tensor | None = None, **given: Tensor
    ) -> NetworkOutput:
        """Velocity and zeros that were made before."""
        mean = self.network(x, t, label)
        if len(x) not in self._zeros:
            self._zeros[len(x)] = torch.zeros_like(mean)
        return NetworkOutput(mean, self._zeros[len(x)])


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--models", nargs="+", default=["fashion", "ring"])
    add_device(parser)
    arguments = parser.parse_args()
    pairs, rounds = (40, 2) if arguments.quick else (200, 6)
    report = Report("overhead")
    for name in arguments.models:
        model = load(name, arguments.device)
        times = evaluations(model.network, pairs)
        plain = statistics.median(alone for alone, _ in times)
        report.add(f"{name}: velocity alone, {ROWS} rows", plain * 1e3, "ms")
        report.add(f"{name}: velocity with variance / velocity alone", median_ratio(times))
        for lanes in LANES:
            report.add(
                f"{name}: confidence on / off, end to end, {lanes} lanes",
                median_ratio(samplings(model, lanes, rounds)),
            )
    report.write(arguments.json)


@torch.inference_mode()
def evaluations(network: VelocityNetwork, pairs: int) -> list[tuple[float, float]]:
    """Seconds of the velocity alone, and with variance."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, *network.shape, generator=generator).to(network.device)
    t = torch.rand(ROWS, generator=generator).to(network.device)
    label = torch.randint(0, network.classes + 1, (ROWS,), generator=generator).to(network.device)
    return paired_times(
        lambda: network(x, t, label),
        lambda: network.moments(x, t, label),
        pairs,
        partial(clock, network.device),
    )


def samplings(model: Model, lanes: int, rounds: int) -> list[tuple[float, float]]:
    """Seconds of the same lanes without and with confidence, their ticks taking turns."""
    off = Model(model.card, Plain(model.network).eval(), None)
    # Both divide their rows alike; the comparison is of the work, not of two timings at load.
    main_head(off).division = main_head(model).division
    return [
        sampling(Sampler(off, lanes), Sampler(model, lanes), first=turn % 2)
        for turn in range(rounds)
    ]


def sampling(*samplers: Sampler, first: int) -> tuple[float, float]:
    """Seconds that the same lanes take in each of two samplers, from admission to the last."""
    spent, now = [0.0, 0.0], partial(clock, samplers[0].model.device)
    for ticket in range(samplers[0].free):
        spec = FlowSpec(0, ticket, "heun", STEPS)
        for which, sampler in enumerate(samplers):
            spent[which] += seconds(partial(sampler.admit, ticket, spec), now)
    while samplers[first].running:
        for which in (first, 1 - first):
            spent[which] += seconds(samplers[which].tick, now)
        first = 1 - first
    return spent[0], spent[1]


def paired_times(
    first: Callable[[], object],
    second: Callable[[], object],
    pairs: int,
    now: Callable[[], float] = time.thread_time,
) -> list[tuple[float, float]]:
    """Seconds of both by a clock, taking turns in going first, after a warm-up."""
    times = []
    for pair in range(-3, pairs):
        if pair % 2:
            b, a = seconds(second, now), seconds(first, now)
        else:
            a, b = seconds(first, now), seconds(second, now)
        if pair >= 0:
            times.append((a, b))
    return times


def median_ratio(times: list[tuple[float, float]]) -> float:
    """Median of second over first."""
    return statistics.median(b / a for a, b in times)


def seconds(call: Callable[[], object], now: Callable[[], float] = time.thread_time) -> float:
    """Time that one call keeps the processor busy, whatever else the machine does.

    Of calls on a GPU pass its clock, :func:`sureflow.sampling.blocks.clock`.
    """
    start = now()
    call()
    return now() - start


if __name__ == "__main__":
    main()
