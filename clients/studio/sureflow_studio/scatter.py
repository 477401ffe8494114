"""Samples that are vectors, as points of a plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from nicegui import ui
from nicegui.events import EChartPointClickEventArguments

from sureflow_client import Model, Sample

from .axes import Axes, names_of
from .charts import GREY, PURPLE, axis, base, draw, points, upright
from .colours import SCALE, UNKNOWN
from .pictures import Floats
from .run import Open, passes

Ends = tuple[float, float]
Plane = npt.NDArray[np.float64]

FAINT = 0.22
RIM = {"borderColor": GREY, "borderWidth": 0.75}
"""So that the darkest points stand out from a dark page."""

MARGIN = 0.08
SIZE = 9.0
LEAST, MOST = 4.0, 28.0
"""Pixels of a point: its area goes by the weight of the sample, where it has one."""

WEIGHT = "log_weight"
"""What the numbers of a sample call the log of its weight."""


class Scatter:
    """Two components of every sample, coloured by confidence; as large as the weight is."""

    def __init__(self, model: Model | None, open_sample: Open) -> None:
        self.model, self._open = model, open_sample
        self._shown: list[Sample] = []
        self._redraw: Callable[[], None] = lambda: None
        self.axes: Axes | None = None
        self.box = ui.element("div").classes("stack")
        self.chart = ui.echart(base(), on_point_click=self._clicked, renderer="svg")
        self.chart.classes("chart square").set_visibility(False)
        self.chart.props('role="img" aria-label="Samples as points of a plane"')
        self.note = ui.label("The area of a point is its weight.").classes("soft small")
        self.note.set_visibility(False)

    def show(self, samples: Sequence[Sample], threshold: float, hide: bool) -> None:
        """Draw the samples that have come so far; what does not pass is faint, or hidden."""
        self._shown = [one for one in samples if one.data is not None]
        if not self._shown:
            return
        axes = self._axes(int(np.prod(self._shown[0].shape)))
        self.chart.set_visibility(True)
        self.note.set_visibility(any(WEIGHT in (one.numbers or {}) for one in self._shown))
        faint = 0.0 if hide else FAINT

        def redraw() -> None:
            vectors = np.stack([one.array().ravel() for one in self._shown])
            places = axes.of(vectors)
            series = [dots(self._shown, places, threshold, faint)]
            draw(self.chart, charted([*places], axes.titles, series))

        self._redraw = redraw
        redraw()

    def _axes(self, size: int) -> Axes:
        """What is to the right and up, once it is known how many components there are."""
        if self.axes is None:
            with self.box:
                self.axes = Axes(names_of(self.model, size), lambda: self._redraw())
        return self.axes

    def _clicked(self, event: EChartPointClickEventArguments) -> object:
        sample = self._shown[event.data_index]
        # Awaited by whoever calls us.
        return None if sample.handle is None else self._open(sample)


def dots(
    samples: Sequence[Sample], places: Plane, threshold: float, faint: float
) -> dict[str, Any]:
    """Return samples as points of a chart.

    Args:
        samples: What is shown.
        places: Of each, ``[n, 2]``.
        threshold: Confidence below which a point is faint.
        faint: How faint, 0 for hidden.
    """
    data = []
    for sample, (x, y), size in zip(samples, places.tolist(), sizes(samples), strict=True):
        confidence = sample.confidence
        style = {"opacity": 1 if passes(sample, threshold) else faint, **RIM}
        if confidence is None:
            style["color"] = UNKNOWN
        data.append(
            {
                "value": [x, y, confidence],
                "name": f"#{sample.index}",
                "itemStyle": style,
                "symbolSize": size,
            }
        )
    return {"type": "scatter", "data": data, "cursor": "pointer", "coloured": True}


def sizes(samples: Sequence[Sample]) -> list[float]:
    """Return the size of each sample in pixels; that of a mean weight is usual."""
    logs = np.array([(one.numbers or {}).get(WEIGHT) for one in samples], dtype=float)
    known = np.isfinite(logs)
    if not known.any():
        return [SIZE] * len(samples)
    weights = np.where(known, np.exp(logs - logs[known].max()), 0.0)
    found = SIZE * np.sqrt(weights / weights[known].mean())
    return np.clip(found, LEAST, MOST).round(1).tolist()  # type: ignore[no-any-return]


def charted(
    around: Sequence[npt.NDArray[np.floating]],
    titles: Sequence[str],
    series: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Return a plane of equal scales as a chart.

    Args:
        around: Points that it holds, ``[2]`` each.
        titles: What is to the right, and up.
        series: Of the chart; one that is ``coloured`` has a scale of confidence beside it.
    """
    (left, right), (low, high) = square(around)
    coloured = any(one.pop("coloured", False) for one in series)
    across, up = titles
    scale = {
        "min": 0,
        "max": 1,
        "dimension": 2,
        "inRange": {"color": list(SCALE)},
        "orient": "vertical",
        "right": 0,
        "top": "middle",
        "itemHeight": 140,
        "itemWidth": 10,
        "text": ["sure", "unsure"],
        "precision": 2,
    }
    return base(
        grid={"left": 44, "right": 64 if coloured else 14, "top": 18, "bottom": 38},
        tooltip={"trigger": "item", "confine": True},
        xAxis=axis(across, left, right),
        yAxis=upright(up, low, high),
        series=[*series],
        **({"visualMap": scale} if coloured else {}),
    )


def among(sample: Floats, others: Sequence[Floats], axes: Axes) -> dict[str, Any]:
    """Return a vector among others as a chart."""
    here, there = axes.of(sample.ravel()), [axes.of(one.ravel()) for one in others]
    grey = points("others", [one.tolist() for one in there], GREY)
    own = points("this one", [here.tolist()], PURPLE)
    return charted([here, *there], axes.titles, [{**grey, "symbolSize": 5}, own])


def square(points: Sequence[npt.NDArray[np.floating]]) -> tuple[Ends, Ends]:
    """Return axes of equal length around points of a plane, ended at whole numbers or halves."""
    low, high = np.min(points, axis=0).astype(float), np.max(points, axis=0).astype(float)
    margin = max(MARGIN * float(np.max(high - low)), MARGIN)
    low = np.floor(2 * (low - margin)) / 2
    length = np.ceil(2 * np.max(high + margin - low)) / 2
    across, up = ((float(end), float(end + length)) for end in low)
    return across, up
