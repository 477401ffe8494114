"""What a tick costs on this machine, and how long adaptive lanes are."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.serving.mix import ADAPTIVE_ROWS
from benchmarks.tick import Workload
from sureflow.checkpoint import load
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.evaluator import main_head
from sureflow.sampling.sampler import Sampler
from sureflow_server.engine.row_budget import tick_seconds

TICKS, QUICK_TICKS = 60, 10
LANES, QUICK_LANES = 64, 8


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured once, by a real evaluator and a real sampler.

    Attributes:
        model: Name of the checkpoint.
        tick_s: Seconds of a tick with 0, 1, 2, ... rows, the sampler's own work included.
        expected_s: Seconds that the evaluator expects of these rows; admission goes by them.
        adaptive: Network evaluations that adaptive lanes of the mix took, by tolerance.
    """

    model: str
    tick_s: tuple[float, ...]
    expected_s: tuple[float, ...]
    adaptive: dict[float, tuple[int, ...]]

    @property
    def rows(self) -> int:
        """Rows that a tick has at most."""
        return len(self.tick_s) - 1

    @property
    def row_s(self) -> float:
        """Seconds per row of a full tick."""
        return self.tick_s[-1] / self.rows

    def seconds(self, rows: int) -> float:
        """Seconds of a tick; more rows than the most are evaluated in parts."""
        return tick_seconds(rows, self.tick_s)

    def scaled(self, row_s: float) -> Costs:
        """The same machine at another speed."""
        factor = row_s / self.row_s
        return replace(
            self,
            tick_s=tuple(factor * seconds for seconds in self.tick_s),
            expected_s=tuple(factor * seconds for seconds in self.expected_s),
        )

    def save(self, path: Path) -> None:
        """Write them as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def parse(cls, path: Path) -> Costs:
        """Read them back."""
        found = json.loads(path.read_text())
        adaptive = {float(key): tuple(value) for key, value in found["adaptive"].items()}
        return cls(found["model"], tuple(found["tick_s"]), tuple(found["expected_s"]), adaptive)


def measure(name: str, rows: int | None = None, quick: bool = False) -> Costs:
    """Measure them.

    Args:
        name: Of a checkpoint.
        rows: Rows that a tick has at most; by default as many as are efficient, as for the server.
        quick: Finish within seconds.
    """
    model = load(name)
    most = rows or main_head(model).best_rows
    ticks, lanes = (QUICK_TICKS, QUICK_LANES) if quick else (TICKS, LANES)
    return Costs(
        model=name,
        tick_s=(0.0, *_ticks_s(model, most, ticks)),
        expected_s=tuple(map(main_head(model).division.cost, range(most + 1))),
        adaptive={tolerance: _lengths(model, tolerance, lanes) for tolerance in ADAPTIVE_ROWS},
    )


def _ticks_s(model: Model, most: int, ticks: int) -> list[float]:
    """Median ticks of 1, 2, ... rows, of the time that this thread was running.

    Round by round, so that a disturbance meets all of them. Fewer rows never cost more than many;
    where it seemed so, the machine was busy.
    """
    work = [Workload(model, "fixed", rows) for rows in range(1, most + 1)]
    seen: list[list[float]] = [[] for _ in work]
    for _ in range(ticks):
        for each, times in zip(work, seen, strict=True):
            begun = time.thread_time()
            each.tick()
            times.append(time.thread_time() - begun)
    medians = [statistics.median(times) for times in seen]
    return [float(s) for s in np.minimum.accumulate(medians[::-1])[::-1]]


def _lengths(model: Model, tolerance: float, lanes: int) -> tuple[int, ...]:
    sampler = Sampler(model, lanes)
    for n in range(lanes):
        label = n % len(model.card.classes)
        sampler.admit(n, FlowSpec(0, n, "bosh3", label=label, tolerance=tolerance))
    taken: dict[int, int] = {}
    while sampler.running:
        taken |= {ticket: sample.evaluations for ticket, sample in sampler.tick().finished}
    return tuple(taken[n] for n in range(lanes))
