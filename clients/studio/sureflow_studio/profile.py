"""The uncertainty of a sample over the course of its trajectory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nicegui import ui
from nicegui.events import EChartPointClickEventArguments

from sureflow_client import Commit, Trajectory

from .charts import PURPLE, axis, base, draw, line, mark, upright
from .colours import UNSURE


class ProfileChart:
    """Rate over time, with the commit points and the moment that is looked at."""

    def __init__(self, went: Callable[[int], object]) -> None:
        self._went = went
        self.chart = ui.echart(base(), on_point_click=self._clicked, renderer="svg")
        self.chart.classes("chart profile").style("height:170px")
        self.chart.props('role="img" aria-label="Uncertainty over time"')

    def show(self, trajectory: Trajectory, commits: Sequence[Commit], place: int) -> None:
        """Draw a trajectory, looked at in one place."""
        draw(self.chart, profile(trajectory, commits, place))

    def _clicked(self, event: EChartPointClickEventArguments) -> None:
        self._went(event.data_index)


def profile(trajectory: Trajectory, commits: Sequence[Commit], place: int) -> dict[str, Any]:
    """Return the rate at each view as a chart."""
    rates = [[view.t, view.rate] for view in trajectory.views]
    lines = [mark(commit.t, "commit") for commit in commits[:1]]
    here = mark(trajectory.views[place].t, "", PURPLE, "solid")
    marks = {"symbol": "none", "silent": True, "data": [*lines, here]}
    area = {"color": UNSURE, "opacity": 0.15}
    return base(
        grid={"left": 52, "right": 14, "top": 22, "bottom": 36},
        xAxis=axis("time, from noise to sample", 0, 1),
        yAxis={**upright("variance rate", 0), "nameGap": 40},
        series=[
            line("variance rate", rates, UNSURE, areaStyle=area, markLine=marks)
            | {"showSymbol": True, "symbolSize": 5}
        ],
    )
