"""The way of a vector through a plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from .axes import Axes
from .charts import GREY, INK, PURPLE, line, points
from .colours import UNSURE
from .pictures import Floats
from .scatter import charted

SIDES = 48


def ending(sample: Floats, axes: Axes) -> dict[str, Any]:
    """Return a finished sample ``[d]`` alone, as a chart."""
    (point,) = axes.of(sample[None])
    return charted([point], axes.titles, [points("sample", [point.tolist()], PURPLE)])


def path(
    states: Floats, predictions: Floats, maps: Floats | None, place: int, axes: Axes
) -> dict[str, Any]:
    """Return a trajectory at one time as a chart.

    Args:
        states: Of the trajectory, ``[n, d]``.
        predictions: Where it was heading, likewise.
        maps: Variance of the end as it was seen from there, likewise; ``None`` shows none.
        place: Of the time.
        axes: The two components that are looked at.
    """
    way, ends = axes.of(states), axes.of(predictions)
    heading = ends[place]
    series = [
        line("path", way.tolist(), GREY, 1),
        line("so far", way[: place + 1].tolist(), INK, 2.5),
        points("state", [way[place].tolist()], PURPLE),
        points("prediction", [heading.tolist()], INK),
    ]
    if maps is not None:
        spread = np.sqrt(np.maximum(axes.of(maps[place]), 0))
        angle = np.linspace(0, 2 * np.pi, SIDES + 1)
        rim = heading + 2 * spread * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        series.append(line("2 σ", rim.tolist(), UNSURE, 1.5, dashed=True))
    return charted([*way, *ends], axes.titles, series)
