"""Counts of named components: bars of one sample, a map of heat of all, and where each is."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import ClassVar

import numpy as np
from nicegui import ui
from nicegui.element import Element

from sureflow_client import Model, Trajectory

from ..axes import names_of
from ..bars import bars, largest, table
from ..charts import base, draw
from ..heat import Heat
from ..pictures import Floats
from ..run import Open
from .view import Overview, Show, Shown, Stage, View

NAMED = 3
"""Components that a card names."""


class CountsStage(Stage):
    """The counts at a time, or what the model expects of the end; as many as matter there."""

    both: ClassVar[bool] = True
    doubt: ClassVar[str] = "Spread of the end (2 σ)"

    def __init__(self, model: Model | None, size: int) -> None:
        self.names = names_of(model, size)
        self.chart = ui.echart(base(), renderer="svg").classes("chart stage-bars")
        self.chart.props('role="img" aria-label="The largest counts of the sample"')
        self.table = ui.html("", sanitize=False)

    def end(self, sample: Shown) -> None:
        """Show the finished counts."""
        counts = sample.array().ravel()
        self._choose(counts, float(counts.max(initial=1)))
        self._draw(counts, None)

    def follow(self, trajectory: Trajectory) -> None:
        """Take in a trajectory."""
        self.arrays = {"state": trajectory.states(), "prediction": trajectory.predictions()}
        self.maps = trajectory.maps()
        last = self.arrays["state"][-1]
        rows = largest(last)
        self._choose(last, max(float(each[:, rows].max()) for each in self.arrays.values()))

    def show(self, place: int, kind: Show, doubt: bool) -> None:
        """Show one time."""
        open = doubt and kind == "prediction" and bool(self.maps[place].any())
        self._draw(self.arrays[kind][place], self.maps[place] if open else None)

    def _choose(self, counts: Floats, most: float) -> None:
        """Choose what has a bar, by finished counts."""
        self.rows, self.most = largest(counts), float(np.ceil(most))

    def _draw(self, counts: Floats, spread: Floats | None) -> None:
        rows = self.rows
        names = [self.names[row] for row in rows]
        known = None if spread is None else spread[rows]
        draw(self.chart, bars(counts[rows], known, names, self.most))
        self.table.content = table(np.round(counts), self.names)


class CountsView(View):
    """Counts ``[d]``, each of a named component."""

    def card(self, sample: Shown) -> Element:
        """Name what there is most of."""
        return ui.html(self._most(sample), sanitize=False).classes("card-counts mono")

    def html(self, sample: Shown) -> str:
        """Return what there is most of, and all counts in a table."""
        counts = sample.array().ravel()
        return self._most(sample) + table(counts, names_of(self.model, counts.size))

    def stage(self, sample: Shown, moved: Callable[[], None]) -> Stage:
        """Make room for bars."""
        return CountsStage(self.model, int(np.prod(sample.shape)))

    def overview(self, open_sample: Open) -> Overview | None:
        """Draw all samples as a map of heat, and as points."""
        return Heat(self.model, open_sample)

    def _most(self, sample: Shown) -> str:
        counts = sample.array().ravel()
        names = names_of(self.model, counts.size)
        lines = [
            f"<span>{escape(names[row])}</span><span>{counts[row]:.0f}</span>"
            for row in largest(counts)[:NAMED]
        ]
        total = f"<span>total</span><span>{counts.sum():.0f}</span>"
        return f'<div class="counts">{"".join([*lines, total])}</div>'
