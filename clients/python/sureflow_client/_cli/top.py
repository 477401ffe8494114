"""``sureflow-client top``."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer
from prometheus_client.parser import text_string_to_metric_families

from .app import app, client

if TYPE_CHECKING:
    from rich.table import Table

EXAMPLES = """
**Examples:**

    sureflow-client top

    sureflow-client top --once --interval 10
"""

DECISIONS = "sureflow_filter_decisions_total"


@dataclass
class Reading:
    """What the metrics of a server said at a moment.

    Attributes:
        at: When, in seconds of a steady clock.
        values: By name of the metric and model, other labels summed up.
        decisions: Filter decisions by model and what was done.
    """

    at: float
    values: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    decisions: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))

    @classmethod
    def parse(cls, text: str, at: float) -> Reading:
        """Read a page of metrics."""
        reading = cls(at)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                model = sample.labels.get("model", "")
                if not sample.name.endswith("_bucket"):
                    reading.values[sample.name, model] += sample.value
                if sample.name == DECISIONS:
                    reading.decisions[model, sample.labels["action_taken"]] += sample.value
        return reading

    @property
    def models(self) -> list[str]:
        """Names of the models that have ever been asked for samples."""
        return sorted({model for _, model in self.values if model})


@dataclass(frozen=True)
class Row:
    """What one model did between two readings.

    Attributes:
        model: Its name.
        running: Lanes in slots.
        waiting: Lanes in the queue.
        rows: Network rows of a tick, on average; 0 without a tick.
        ticks: Ticks per second.
        seconds: Duration of a tick, on average.
        samples: Finished samples per second.
        decisions: Filter decisions by what was done.
    """

    model: str
    running: float
    waiting: float
    rows: float
    ticks: float
    seconds: float
    samples: float
    decisions: dict[str, float]


def compare(before: Reading, after: Reading) -> list[Row]:
    """Return what each model did between two readings."""
    passed = max(after.at - before.at, 1e-9)

    def risen(name: str, model: str) -> float:
        return after.values[name, model] - before.values[name, model]

    rows = []
    for model in after.models:
        ticks = risen("sureflow_batch_size_count", model)
        rows.append(
            Row(
                model=model,
                running=after.values["sureflow_num_samples_running", model],
                waiting=after.values["sureflow_num_samples_waiting", model],
                rows=risen("sureflow_batch_size_sum", model) / ticks if ticks else 0.0,
                ticks=ticks / passed,
                seconds=risen("sureflow_tick_duration_seconds_sum", model) / ticks
                if ticks
                else 0.0,
                samples=risen("sureflow_samples_total", model) / passed,
                decisions={
                    taken: count
                    for (name, taken), count in after.decisions.items()
                    if name == model and count
                },
            )
        )
    return rows


@app.command(epilog=EXAMPLES)
def top(
    context: typer.Context,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between readings.")] = 1.0,
    once: Annotated[
        bool, typer.Option("--once", help="Print one view, of one interval, and exit.")
    ] = False,
) -> None:
    """Watch the server work: lanes, rows per tick, queue, decisions. Ctrl-C ends it."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with client(context) as server:

        def read() -> Reading:
            return Reading.parse(server.metrics(), time.monotonic())

        before = read()
        if once:
            time.sleep(interval)
            console.print(_view(before, read()))
            return
        with Live(_view(before, before), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(interval)
                after = read()
                live.update(_view(before, after), refresh=True)
                before = after


def _view(before: Reading, after: Reading) -> Table:
    from rich.table import Table

    stored = after.values["sureflow_store_bytes", ""] / 2**20
    caption = f"{after.values['sureflow_handles', '']:.0f} handles, {stored:.1f} MiB in the store"
    table = Table(caption=caption, caption_justify="left", box=None)
    table.add_column("model", no_wrap=True)
    for column in ("lanes", "queue", "rows/tick", "ticks/s", "ms/tick", "samples/s"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("decisions")
    for row in compare(before, after):
        decided = ", ".join(f"{count:.0f} {taken}" for taken, count in row.decisions.items())
        table.add_row(
            row.model,
            f"{row.running:.0f}",
            f"{row.waiting:.0f}",
            f"{row.rows:.1f}",
            f"{row.ticks:.1f}",
            f"{1000 * row.seconds:.1f}",
            f"{row.samples:.2f}",
            decided or "-",
        )
    return table
