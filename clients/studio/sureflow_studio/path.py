"""The way of a vector through the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from nicegui import ui

from sureflow_client import Trajectory

from .charts import ACCENT, AMBER, GREY, axis, base, draw, line, points, upright
from .scatter import square

SIDES = 48


class PathChart:
    """States of a trajectory, where it is at one time, and where it is heading."""

    def __init__(self, trajectory: Trajectory) -> None:
        self.trajectory = trajectory
        self.chart = ui.echart(base(), renderer="svg").classes("chart square stage")

    def show(self, place: int, doubt: bool) -> None:
        """Draw it at one time, with the spread of its end as the model sees it from there."""
        draw(self.chart, path(self.trajectory, place, doubt))


def path(trajectory: Trajectory, place: int, doubt: bool) -> dict[str, Any]:
    """Return the first two components of a trajectory as a chart."""
    states = trajectory.states()[:, :2].astype(float)
    heading = trajectory.predictions()[place, :2].astype(float)
    spread = np.sqrt(trajectory.maps()[place, :2].astype(float))
    (left, right), (low, high) = square([*states, *trajectory.predictions()[:, :2]])
    series = [
        line("path", states.tolist(), GREY, 1),
        line("so far", states[: place + 1].tolist(), ACCENT, 2.5),
        points("state", [states[place].tolist()], ACCENT),
        points("heading for", [heading.tolist()], AMBER),
    ]
    if doubt:
        angle = np.linspace(0, 2 * np.pi, SIDES + 1)
        rim = heading + 2 * spread * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        series.append(line("2 σ", rim.tolist(), AMBER, 1.5, dashed=True))
    return base(
        tooltip={"trigger": "item", "confine": True},
        xAxis=axis("x₁", left, right),
        yAxis=upright("x₂", low, high),
        series=series,
    )
