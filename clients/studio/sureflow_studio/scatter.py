"""Samples that are vectors, as points of a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from nicegui import ui
from nicegui.events import EChartPointClickEventArguments

from sureflow_client import Model, Sample

from .card import Open
from .charts import GREY, axis, base, draw, upright
from .colours import SCALE, UNKNOWN
from .run import passes

Ends = tuple[float, float]

FAINT = 0.22
RIM = {"borderColor": GREY, "borderWidth": 0.75}
"""So that the darkest points stand out from a dark page."""

MARGIN = 0.08


class Scatter:
    """The first two components of every sample, coloured by confidence; nothing for images."""

    def __init__(self, open_sample: Open) -> None:
        self._open = open_sample
        self._shown: list[Sample] = []
        self.chart = ui.echart(base(), on_point_click=self._clicked, renderer="svg")
        self.chart.classes("chart square").set_visibility(False)
        self.chart.props('role="img" aria-label="Samples as points of a plane"')

    def show(self, model: Model, samples: Sequence[Sample], threshold: float, hide: bool) -> None:
        """Draw the samples that have come so far; what does not pass is faint, or hidden."""
        if not is_plane(model):
            return
        self._shown = [one for one in samples if one.data is not None]
        if not self._shown:
            return
        self.chart.set_visibility(True)
        draw(self.chart, plane(self._shown, threshold, 0.0 if hide else FAINT))

    def _clicked(self, event: EChartPointClickEventArguments) -> object:
        sample = self._shown[event.data_index]
        # Awaited by whoever calls us.
        return None if sample.handle is None else self._open(sample)


def is_plane(model: Model) -> bool:
    """Return whether samples of a model are vectors of two components or more, and no texts."""
    shape = model.shape or ()
    if "text" in (model.formats or ()):
        return False
    return model.media == "vector" and len(shape) == 1 and shape[0] > 1


def plane(samples: list[Sample], threshold: float, faint: float) -> dict[str, Any]:
    """Return samples as a chart; those below the threshold as faint as this."""
    points = []
    for sample in samples:
        x, y = sample.array()[:2].tolist()
        confidence = sample.confidence
        style = {"opacity": 1 if passes(sample, threshold) else faint, **RIM}
        if confidence is None:
            style["color"] = UNKNOWN
        points.append({"value": [x, y, confidence], "name": f"#{sample.index}", "itemStyle": style})
    (left, right), (low, high) = square([sample.array()[:2] for sample in samples])
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
        grid={"left": 44, "right": 64, "top": 18, "bottom": 38},
        tooltip={"trigger": "item", "confine": True},
        xAxis=axis("x₁", left, right),
        yAxis=upright("x₂", low, high),
        visualMap=scale,
        series=[{"type": "scatter", "symbolSize": 9, "data": points, "cursor": "pointer"}],
    )


def square(points: Sequence[npt.NDArray[np.floating]]) -> tuple[Ends, Ends]:
    """Return axes of equal length around points of a plane, ended at whole numbers or halves."""
    low, high = np.min(points, axis=0).astype(float), np.max(points, axis=0).astype(float)
    margin = max(MARGIN * float(np.max(high - low)), MARGIN)
    low = np.floor(2 * (low - margin)) / 2
    length = np.ceil(2 * np.max(high + margin - low)) / 2
    across, up = ((float(end), float(end + length)) for end in low)
    return across, up
