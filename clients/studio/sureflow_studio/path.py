"""The way of a vector through the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from nicegui import ui

from sureflow_client import Trajectory

from .charts import ACCENT, AMBER, GREY, axis, base, upright
from .scatter import square

SIDES = 48


class PathChart:
    """States of a trajectory, where it is at one time, and where it is heading."""

    def __init__(self, trajectory: Trajectory) -> None:
        self.trajectory = trajectory
        self.chart = ui.echart(base(), renderer="svg").classes("chart square stage")

    def show(self, place: int, doubt: bool) -> None:
        """Draw it at one time, with the spread of its end as the model sees it from there."""
        self.chart.options.clear()
        self.chart.options.update(path(self.trajectory, place, doubt))
        self.chart.update()


def path(trajectory: Trajectory, place: int, doubt: bool) -> dict[str, Any]:
    """Return the first two components of a trajectory as a chart."""
    states = trajectory.states()[:, :2].astype(float)
    heading = trajectory.predictions()[place, :2].astype(float)
    spread = np.sqrt(trajectory.maps()[place, :2].astype(float))
    (left, right), (low, high) = square([*states, *trajectory.predictions()[:, :2]])
    line = {"type": "line", "showSymbol": False}
    series: list[dict[str, Any]] = [
        {**line, "name": "path", "data": states.tolist(), "lineStyle": {"color": GREY, "width": 1}},
        {
            **line,
            "name": "so far",
            "data": states[: place + 1].tolist(),
            "itemStyle": {"color": ACCENT},
        }
        | {"lineStyle": {"color": ACCENT, "width": 2.5}},
        _point("state", states[place], ACCENT),
        _point("heading for", heading, AMBER),
    ]
    if doubt:
        angle = np.linspace(0, 2 * np.pi, SIDES + 1)
        rim = heading + 2 * spread * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        dashed = {"color": AMBER, "type": "dashed", "width": 1.5}
        series.append({**line, "name": "2 σ", "data": rim.tolist(), "lineStyle": dashed})
    return base(
        tooltip={"trigger": "item", "confine": True},
        xAxis=axis("x₁", left, right),
        yAxis=upright("x₂", low, high),
        series=series,
    )


def _point(name: str, where: Any, colour: str) -> dict[str, Any]:
    style = {"color": colour}
    return {
        "type": "scatter",
        "name": name,
        "data": [where.tolist()],
        "symbolSize": 12,
        "itemStyle": style,
    }
