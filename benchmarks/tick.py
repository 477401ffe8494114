"""Where the time of a tick goes: the share spent outside the network, part by part.

The parts of every tick are timed from within, by wrappers around the calls between them, so that
each share is a ratio of two times of the same tick. Lanes are replaced as they finish.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.device import add_device
from benchmarks.report import Report, machine, options
from sureflow.checkpoint import load
from sureflow.families.flow import solver
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.evaluator import main_head
from sureflow.sampling.sampler import Sampler

DOCS = Path("docs/benchmarks/tick.md")
MIXES = ("fixed", "guided", "adaptive")
NETWORK = "network"
PARTS = {
    "rows": "gather rows",
    NETWORK: "network",
    "evaluate": "divide and pad rows",
    "guide": "apply guidance",
    "advance": "store stages, make steps",
    "control": "decide on steps",
    "retire": "retire lanes",
    "tick": "the loop itself",
}
SCALING = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Stopwatch:
    """Seconds by part, without the seconds of other parts that ran inside it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside: list[float] = []

    def wrap(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(0.0)
            start = self._clock()
            try:
                return call(*args, **kwargs)
            finally:
                taken = self._clock() - start
                self.seconds[part] += taken - self._inside.pop()
                if self._inside:
                    self._inside[-1] += taken

        return timed


class Workload:
    """A sampler kept at a number of rows by lanes of one mix.

    Args:
        model: A loaded checkpoint.
        mix: ``fixed`` (every solver), ``guided`` (two rows per lane) or ``adaptive``.
        rows: Network rows per tick.
    """

    def __init__(self, model: Model, mix: str, rows: int) -> None:
        lanes = max(rows // 2, 1) if mix == "guided" else rows
        self.sampler = Sampler(model, lanes)
        self._specs = self._of(mix, len(model.card.classes))

    def _of(self, mix: str, classes: int) -> Iterator[tuple[int, FlowSpec]]:
        for n in count():
            label = n % classes if classes else None
            if mix == "adaptive":
                method = ("heun", "bosh3", "dopri5", "ab2")[n % 4]
                yield n, FlowSpec(0, n, method, 20, label, tolerance=0.02)
            else:
                method = ("euler", "heun", "midpoint", "ab2", "rk4")[n % 5]
                yield n, FlowSpec(0, n, method, 20, label, 2.0 if mix == "guided" else 1.0)

    def tick(self) -> int:
        """Fill what is free and tick once; returns the number of rows."""
        while self.sampler.free:
            self.sampler.admit(*next(self._specs))
        return self.sampler.tick().rows


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--models", nargs="+", default=["fashion", "ring"])
    parser.add_argument("--rows", type=int, default=16)
    add_device(parser)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--compile", default="off")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    parser.add_argument("--docs", action="store_true", help=f"write {DOCS}")
    arguments = parser.parse_args()
    report = Report("tick")
    pages = [report_on(name, arguments, report) for name in arguments.models]
    report.write(arguments.json)
    if arguments.docs:
        DOCS.parent.mkdir(parents=True, exist_ok=True)
        DOCS.write_text(page(arguments, pages))


def report_on(name: str, arguments: argparse.Namespace, report: Report) -> str:
    """All figures of one model; returns them as a table in Markdown."""
    model = load(
        name,
        arguments.device,
        precision=arguments.precision,
        compile=arguments.compile,
    )
    ticks = 60 if arguments.quick else 300
    rows = arguments.rows
    mixes = [mix for mix in MIXES if mix != "guided" or model.card.classes]
    shares = {mix: parts(model, mix, rows, ticks) for mix in mixes}
    for mix, share in shares.items():
        report.add(f"{name}, {mix}: a tick at {rows} rows", share.pop("seconds") * 1e3, "ms")
        for part, value in share.items():
            report.add(f"{name}, {mix}: {PARTS[part]}", 100 * value, "%")
        report.add(f"{name}, {mix}: outside the network", 100 * (1 - share[NETWORK]), "%")
    ratio = against_bare_loop(model, rows, ticks)
    report.add(f"{name}: rows per second, ticks / bare loop at {rows} rows", ratio)
    if arguments.device != "cpu":
        for n in SCALING:
            report.add(f"{name}: at {n} rows", rows_per_second(model, n, ticks), "rows/s")
            report.add(f"{name}: ticks / bare loop at {n}", against_bare_loop(model, n, ticks))
    if arguments.profile:
        for mix in mixes:
            print(f"\n{name}, {mix}, {rows} rows")
            profile(model, mix, rows)
    return table(name, shares, ratio)


def parts(model: Model, mix: str, rows: int, ticks: int) -> dict[str, float]:
    """Median share of each part in a tick, and the median tick in seconds."""
    work, watch = Workload(model, mix, rows), Stopwatch(clock_of(model))
    for _ in range(5):
        work.tick()
    seen: list[dict[str, float]] = []
    with watched(work.sampler, watch):
        for _ in range(ticks):
            watch.seconds.clear()
            work.tick()
            seen.append(dict(watch.seconds))
    totals = [sum(tick.values()) for tick in seen]
    # Means over the middle ticks, so that shares add up and a disturbance counts for little.
    middle = sorted(range(ticks), key=totals.__getitem__)[ticks // 10 : -ticks // 10]
    whole = sum(totals[tick] for tick in middle)
    share = {part: sum(seen[n].get(part, 0.0) for n in middle) / whole for part in PARTS}
    return share | {"seconds": statistics.median(totals)}


@contextmanager
def watched(sampler: Any, watch: Stopwatch) -> Iterator[None]:
    """Time the calls between the parts of this sampler."""
    process, evaluate = sampler._buckets.phases(())._solver, main_head(sampler.model)
    with ExitStack() as stack:
        for owner, name, part in (
            (process, "ask", "rows"),
            (process, "tell", "advance"),
            (solver, "apply_guidance", "guide"),
            (process.control, "begin", "control"),
            (process.control, "accept", "control"),
            (process.control, "advance", "control"),
            (evaluate, "_evaluate", NETWORK),
            (sampler, "_retire", "retire"),
            (sampler, "_replies", "evaluate"),
            (sampler, "tick", "tick"),
        ):
            stack.enter_context(patch.object(owner, name, watch.wrap(part, getattr(owner, name))))
        yield


@torch.inference_mode()
def bare_loop(model: Model, rows: int) -> Callable[[], object]:
    """One Euler step of a whole batch: the network, and nothing that serves anybody."""
    evaluator = main_head(model)
    x = torch.randn(rows, *model.card.shape, device=model.device)
    t = torch.rand(rows, device=model.device)
    label = torch.zeros(rows, dtype=torch.long, device=model.device)

    @torch.inference_mode()
    def step() -> None:
        velocity = evaluator({"x": x, "t": t, "label": label})["velocity"]
        x.add_(velocity, alpha=1e-3)
        velocity.sum().item()  # waits, as a tick does

    return step


def against_bare_loop(model: Model, rows: int, ticks: int) -> float:
    """Rows per second of fixed lanes over those of the bare loop: median of alternating pairs."""
    work, step = Workload(model, "fixed", rows), bare_loop(model, rows)
    clock, ratios = clock_of(model), []
    for pair in range(-5, ticks):
        bare, ours = (seconds(call, clock) for call in (step, work.tick))
        if pair >= 0:
            ratios.append(bare / ours)
    return statistics.median(ratios)


def rows_per_second(model: Model, rows: int, ticks: int) -> float:
    """Rows per second of fixed lanes, median over ticks."""
    work = Workload(model, "fixed", rows)
    for _ in range(5):
        work.tick()
    return rows / statistics.median(seconds(work.tick, time.perf_counter) for _ in range(ticks))


def clock_of(model: Model) -> Callable[[], float]:
    """On a CPU the time of this thread, which does all the work and shares its machine."""
    return time.thread_time if model.device.type == "cpu" else time.perf_counter


def seconds(call: Callable[[], object], clock: Callable[[], float]) -> float:
    """Time of one call."""
    start = clock()
    call()
    return clock() - start


def profile(model: Model, mix: str, rows: int, ticks: int = 40) -> None:
    """Print the most expensive operators, then the most expensive Python functions."""
    work = Workload(model, mix, rows)
    for _ in range(5):
        work.tick()
    with torch.profiler.profile() as operators:
        for _ in range(ticks):
            work.tick()
    order = "self_cpu_time_total" if model.device.type == "cpu" else "self_device_time_total"
    print(operators.key_averages().table(order, 15, max_name_column_width=40))
    functions = cProfile.Profile()
    functions.runcall(lambda: [work.tick() for _ in range(ticks)])
    pstats.Stats(functions).sort_stats("tottime").print_stats(15)


def table(name: str, shares: dict[str, dict[str, float]], ratio: float) -> str:
    """One model's shares in Markdown."""
    lines = [f"## {name}", "", "| part | " + " | ".join(shares) + " |"]
    lines.append("|---|" + "---:|" * len(shares))
    for part, words in PARTS.items():
        cells = [f"{100 * share[part]:.2f} %" for share in shares.values()]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    outside = [f"**{100 * (1 - share[NETWORK]):.2f} %**" for share in shares.values()]
    lines.append("| **outside the network** | " + " | ".join(outside) + " |")
    lines += ["", f"Rows per second of fixed lanes over a bare Euler loop: {ratio:.3f}", ""]
    return "\n".join(lines)


def page(arguments: argparse.Namespace, pages: list[str]) -> str:
    """What ``--docs`` writes."""
    about = machine()
    return "\n".join(
        [
            "# Where the time of a tick goes",
            "",
            "Written by `python -m benchmarks.tick --docs`: shares of a tick at "
            f"{arguments.rows} rows, {arguments.precision}, compile {arguments.compile}, on "
            f"{arguments.device} ({about['processor']}, {about['threads']} thread, torch "
            f"{about['torch']}). Fixed lanes mix euler, heun, midpoint, ab2 and rk4 at 20 steps; "
            "guided lanes ask for two rows each; adaptive lanes keep to a tolerance of 0.02 with "
            "heun, bosh3, dopri5 and ab2.",
            "",
            *pages,
        ]
    )


if __name__ == "__main__":
    main()
