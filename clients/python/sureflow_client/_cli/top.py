"""``sureflow-client top``."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer
from prometheus_client.parser import text_string_to_metric_families

from .app import app, client, examples

if TYPE_CHECKING:
    from rich.table import Table

DECISIONS = "sureflow_filter_decisions_total"


@dataclass
class Reading:
    """What the metrics of a server said at a moment.

    Attributes:
        at: When, in seconds of a steady clock.
        values: By name of the metric and model, other labels summed up.
        decisions: Number of filter decisions by what was done, for each model.
    """

    at: float
    values: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    decisions: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    @classmethod
    def parse(cls, text: str, at: float) -> Reading:
        """Read a page of metrics."""
        reading = cls(at)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                model = sample.labels.get("model", "")
                reading.values[sample.name, model] += sample.value
                if sample.name == DECISIONS:
                    taken = reading.decisions[model]
                    name = sample.labels["action_taken"]
                    taken[name] = taken.get(name, 0) + sample.value
        return reading


@app.command(epilog=examples("top", "top --once --interval 10"))
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
    """What each model that was ever asked for samples did between two readings."""
    from rich.table import Table

    now = after.values
    stored = now["sureflow_store_bytes", ""] / 2**20
    caption = f"{now['sureflow_handles', '']:.0f} handles, {stored:.1f} MiB in the store"
    table = Table(caption=caption, caption_justify="left", box=None)
    table.add_column("model", no_wrap=True)
    for column in ("lanes", "queue", "rows/tick", "ticks/s", "ms/tick", "samples/s"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("decisions")
    passed = max(after.at - before.at, 1e-9)
    for model in sorted({model for _, model in now if model}):

        def risen(name: str, model: str = model) -> float:
            return now[name, model] - before.values[name, model]

        ticks = risen("sureflow_batch_size_count")
        decided = after.decisions[model].items()
        table.add_row(
            model,
            f"{now['sureflow_num_samples_running', model]:.0f}",
            f"{now['sureflow_num_samples_waiting', model]:.0f}",
            f"{risen('sureflow_batch_size_sum') / max(ticks, 1):.1f}",
            f"{ticks / passed:.1f}",
            f"{1000 * risen('sureflow_tick_duration_seconds_sum') / max(ticks, 1):.1f}",
            f"{risen('sureflow_samples_total') / passed:.2f}",
            ", ".join(f"{count:.0f} {taken}" for taken, count in decided if count) or "-",
        )
    return table
