"""Vectors: points of a plane, and the way of one of them through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
from nicegui import ui

from sureflow_client import Model, Proposed, Trajectory

from ..axes import Axes, names_of
from ..charts import base, draw
from ..path import ending, path
from ..run import Open
from ..scatter import Scatter, among
from .view import Overview, Show, Shown, Stage, View, words_of

NUMBERS = 12
"""That are written of a sample that waits for a verdict."""


class PlaneStage(Stage):
    """The way of a vector, where it is at a time, and where it is heading."""

    doubt: ClassVar[str] = "Spread of the end (2 σ)"

    def __init__(self, model: Model | None, size: int) -> None:
        self._redraw: Callable[[], None] = lambda: None
        self.axes = Axes(names_of(model, size), lambda: self._redraw())
        self.chart = ui.echart(base(), renderer="svg").classes("chart square stage")
        self.chart.props('role="img" aria-label="The way through the plane"')

    def end(self, sample: Shown) -> None:
        """Draw the finished sample alone."""
        self._redraw = lambda: draw(self.chart, ending(sample.array().ravel(), self.axes))
        self._redraw()

    def follow(self, trajectory: Trajectory) -> None:
        """Take in a trajectory."""
        self.states, self.predictions, self.maps = (
            each.reshape(len(each), -1)
            for each in (trajectory.states(), trajectory.predictions(), trajectory.maps())
        )

    def show(self, place: int, kind: Show, doubt: bool) -> None:
        """Draw one time, with the spread of the end as the model sees it from there."""
        maps = self.maps if doubt else None
        self._redraw = lambda: draw(
            self.chart, path(self.states, self.predictions, maps, place, self.axes)
        )
        self._redraw()


class PlaneView(View):
    """Vectors of some components, of which two are looked at."""

    def stage(self, sample: Shown, moved: Callable[[], None]) -> Stage:
        """Make room for the plane."""
        return PlaneStage(self.model, int(np.prod(sample.shape)))

    def overview(self, open_sample: Open) -> Overview | None:
        """Draw all samples as points."""
        return Scatter(self.model, open_sample)

    def review(self, sample: Proposed, others: Sequence[Proposed]) -> None:
        """Show a sample as a point among the others, and its numbers."""
        axes = Axes(names_of(self.model, int(np.prod(sample.shape))), lambda: plot())
        chart = ui.echart(base(), renderer="svg").classes("chart square review-plane")
        chart.props('role="img" aria-label="The sample among others"')
        ui.label(words_of(sample, NUMBERS)).classes("mono")

        def plot() -> None:
            draw(chart, among(sample.array(), [one.array() for one in others], axes))

        plot()
