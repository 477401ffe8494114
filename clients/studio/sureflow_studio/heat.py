"""Counts of many samples as a map of heat, and as points by their principal components."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from nicegui import ui
from nicegui.events import EChartPointClickEventArguments

from sureflow_client import Model, Sample

from .axes import names_of
from .charts import FONT, INK, base, draw
from .embedding import Numbers, logs, most_varied, principal
from .fields import select
from .run import Open
from .scatter import FAINT, charted, dots

HEAT = ("rgba(79, 125, 240, 0.04)", "#4f7df0")
"""Of no counts and of the most, on light and on dark."""

SHOWN = 32
"""Components that are shown at first, those that vary most."""

ROW, ENDS = 15, 96
"""Pixels of a component, and of what is above and below all of them."""


class Heat:
    """A row for each component, a column for each sample; and each sample as a point."""

    def __init__(self, model: Model | None, open_sample: Open) -> None:
        self.model, self._open = model, open_sample
        self._shown: list[Sample] = []
        self._order: list[Sample] = []
        self._redraw: Callable[[], None] = lambda: None
        size = len((model.components if model is not None else None) or ())
        parts = {SHOWN: f"The {SHOWN} that vary most", 0: f"All {size}"}
        with ui.element("div").classes("heat stack") as self.box:
            self.few = select(parts, "Components", SHOWN, lambda: self._redraw())
            self.few.set_visibility(size > SHOWN)
            self.map = ui.echart(base(), on_point_click=self._column, renderer="canvas")
            self.map.classes("chart heat-map")
            self.map.props('role="img" aria-label="Counts of all samples"')
            self.plane = ui.echart(base(), on_point_click=self._point, renderer="svg")
            self.plane.classes("chart square")
            self.plane.props('role="img" aria-label="Samples by their principal components"')
            self.note = ui.label().classes("soft small")
        self.box.set_visibility(False)

    def show(self, samples: Sequence[Sample], threshold: float, hide: bool) -> None:
        """Draw the samples that have come so far; what does not pass is faint, or hidden."""
        self._shown = [one for one in samples if one.data is not None]
        if not self._shown:
            return
        self.box.set_visibility(True)
        counts = np.stack([one.array().ravel() for one in self._shown]).astype(np.float64)
        names = names_of(self.model, counts.shape[1])

        def redraw() -> None:
            values = logs(counts)
            places, shares = principal(values)
            order = np.argsort(places[:, 0], kind="stable")
            self._order = [self._shown[number] for number in order]
            rows = most_varied(values, int(self.few.value) or counts.shape[1])
            self.map.style(f"height: {ENDS + ROW * len(rows)}px")
            shown = [names[row] for row in rows]
            draw(self.map, heat_map(counts[order][:, rows], shown, self._order))
            titles = [f"PC{axis + 1} ({share:.0%})" for axis, share in enumerate(shares)]
            series = [dots(self._shown, places, threshold, 0.0 if hide else FAINT)]
            draw(self.plane, charted([*places], titles, series))
            self.note.text = (
                "Above: log(1 + count), samples in the order of the first principal component. "
                "Below: the first two of these samples alone, with their share of the variance."
            )

        self._redraw = redraw
        redraw()

    def _column(self, event: EChartPointClickEventArguments) -> object:
        return self._opened(self._order[event.data_index % len(self._order)])

    def _point(self, event: EChartPointClickEventArguments) -> object:
        return self._opened(self._shown[event.data_index])

    def _opened(self, sample: Sample) -> object:
        # Awaited by whoever calls us.
        return None if sample.handle is None else self._open(sample)


def heat_map(counts: Numbers, names: Sequence[str], samples: Sequence[Sample]) -> dict[str, Any]:
    """Return counts ``[n, d]`` as a chart, a row for each component and a column for each sample.

    The numbers of a cell are its column, its row, ``log(1 + count)``, and the count.
    """
    values = logs(counts)
    data = [
        [column, row, round(float(values[column, row]), 4), int(counts[column, row])]
        for row in range(counts.shape[1])
        for column in range(counts.shape[0])
    ]
    # A canvas does not obey the style sheet: a colour that is read on light and on dark.
    font = {**FONT, "color": INK}
    label = {**font, "interval": 0}
    most = int(counts.max()) if counts.size else 0
    return base(
        grid={"left": 76, "right": 10, "top": 8, "bottom": 62},
        tooltip={"trigger": "item", "confine": True, ":formatter": TOLD},
        xAxis={
            "type": "category",
            "data": [f"#{one.index}" for one in samples],
            "name": "samples",
            "nameLocation": "middle",
            "nameGap": 24,
            "nameTextStyle": font,
            "axisLabel": font,
            "splitLine": {"show": False},
        },
        yAxis={"type": "category", "data": [*names], "axisLabel": label, "inverse": True},
        visualMap={
            "min": 0,
            "max": max(float(values.max()) if values.size else 0.0, 1e-6),
            "dimension": 2,
            "calculable": False,
            "orient": "horizontal",
            "left": "center",
            "bottom": 0,
            "itemHeight": 120,
            "itemWidth": 10,
            "text": [f"{most}", "0"],
            "textStyle": font,
            "inRange": {"color": [*HEAT]},
            "show": True,
        },
        series=[{"type": "heatmap", "data": data, "progressive": 0, "cursor": "pointer"}],
    )


TOLD = "(one) => `${one.name}: ${one.value[3]}`"
