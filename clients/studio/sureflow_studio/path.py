"""The way of a vector through the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from nicegui import ui

from sureflow_client import Trajectory

from .charts import GREY, INK, PURPLE, axis, base, draw, line, points, upright
from .colours import UNSURE
from .pictures import Floats
from .scatter import square

SIDES = 48


class PathChart:
    """States of a trajectory, where it is at one time, and where it is heading."""

    def __init__(self) -> None:
        self.chart = ui.echart(base(), renderer="svg").classes("chart square stage")
        self.chart.props('role="img" aria-label="The way through the plane"')

    def end(self, sample: Floats) -> None:
        """Draw the finished sample alone."""
        draw(self.chart, _plane([sample[:2]], [points("sample", [sample[:2].tolist()], PURPLE)]))

    def show(self, trajectory: Trajectory, place: int, doubt: bool) -> None:
        """Draw it at one time, with the spread of its end as the model sees it from there."""
        draw(self.chart, path(trajectory, place, doubt))


def path(trajectory: Trajectory, place: int, doubt: bool) -> dict[str, Any]:
    """Return the first two components of a trajectory as a chart."""
    states = trajectory.states()[:, :2].astype(float)
    heading = trajectory.predictions()[place, :2].astype(float)
    spread = np.sqrt(trajectory.maps()[place, :2].astype(float))
    series = [
        line("path", states.tolist(), GREY, 1),
        line("so far", states[: place + 1].tolist(), INK, 2.5),
        points("state", [states[place].tolist()], PURPLE),
        points("prediction", [heading.tolist()], INK),
    ]
    if doubt:
        angle = np.linspace(0, 2 * np.pi, SIDES + 1)
        rim = heading + 2 * spread * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        series.append(line("2 σ", rim.tolist(), UNSURE, 1.5, dashed=True))
    return _plane([*states, *trajectory.predictions()[:, :2]], series)


def _plane(
    around: Sequence[npt.NDArray[np.floating]], series: list[dict[str, Any]]
) -> dict[str, Any]:
    (left, right), (low, high) = square(around)
    return base(
        tooltip={"trigger": "item", "confine": True},
        xAxis=axis("x₁", left, right),
        yAxis=upright("x₂", low, high),
        series=series,
    )
