"""Counts of one sample as bars, and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from .charts import FONT, INK, axis, base
from .colours import UNSURE

BARS = 24
"""Components that have a bar: those with most counts in the end."""

Numbers = npt.NDArray[np.floating]


def largest(counts: Numbers) -> npt.NDArray[np.intp]:
    """Return the numbers of the components with most counts, the largest first."""
    return np.argsort(-counts, kind="stable")[:BARS]


def bars(counts: Numbers, spread: Numbers | None, names: Sequence[str], most: float) -> Any:
    """Return counts as a chart, each with a whisker of twice the deviation of its end.

    Args:
        counts: Of each component that is shown, ``[n]``.
        spread: Variance of the end; ``None`` draws none.
        names: Of the components.
        most: Where the axis ends.
    """
    rows = range(len(counts))
    series: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": "count",
            "data": [round(float(count), 2) for count in counts],
            "itemStyle": {"color": INK},
            "barWidth": "62%",
        }
    ]
    if spread is not None:
        reach = 2 * np.sqrt(np.maximum(np.nan_to_num(spread), 0))
        low, high = np.maximum(counts - reach, 0), counts + reach
        series += [_whisker(row, float(low[row]), float(high[row])) for row in rows]
    return base(
        grid={"left": 84, "right": 14, "top": 6, "bottom": 38},
        tooltip={"trigger": "item", "confine": True},
        xAxis=axis("count", 0, most),
        yAxis={
            "type": "category",
            "data": [*names],
            "inverse": True,
            "axisLabel": {**FONT, "interval": 0},
        },
        series=series,
    )


def _whisker(row: int, low: float, high: float) -> dict[str, Any]:
    return {
        "type": "line",
        "name": "2 σ",
        "data": [[low, row], [high, row]],
        "symbol": "rect",
        "symbolSize": [2, 9],
        "silent": True,
        "itemStyle": {"color": UNSURE},
        "lineStyle": {"color": UNSURE, "width": 2},
    }


def table(counts: Numbers, names: Sequence[str]) -> str:
    """Return all counts above 0 as a table of HTML, the largest first."""
    order = [number for number in np.argsort(-counts, kind="stable") if counts[number] > 0]
    rows = "".join(
        f"<tr><td>{escape(names[number])}</td><td>{counts[number]:.0f}</td></tr>"
        for number in order
    )
    rest = len(counts) - len(order)
    return (
        f'<details class="small"><summary>All counts as a table</summary><table class="sites">'
        f"<caption>{len(order)} above 0, {rest} of 0</caption>"
        f'<thead><tr><th scope="col">Component</th><th scope="col">Count</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></details>"
    )
