"""What all charts have in common; their text gets its colour from the style sheet."""

from __future__ import annotations

from typing import Any

from nicegui import ui

GREY = "#8a93a3"
INK = "#6f7a8c"
"""Of what is neither sure nor unsure, and stands out from light and from dark."""

PURPLE = "#8f6bd1"
"""Of the place that is looked at."""

FONT = {"fontFamily": "inherit", "fontSize": 11}


def draw(chart: ui.echart, options: dict[str, Any]) -> None:
    """Show something else in a chart."""
    chart.options.clear()
    chart.options.update(options)
    chart.update()


def base(**parts: Any) -> dict[str, Any]:
    """Return the options of a chart without motion, with these parts."""
    return {
        "animation": False,
        "textStyle": FONT,
        "grid": {"left": 44, "right": 14, "top": 14, "bottom": 38},
        "tooltip": {"trigger": "axis", "confine": True, "textStyle": {"fontSize": 12}},
        **parts,
    }


def axis(name: str, least: float | None = None, most: float | None = None) -> dict[str, Any]:
    """Return an axis of numbers."""
    return {
        "type": "value",
        "name": name,
        "nameLocation": "middle",
        "nameGap": 24,
        "nameTextStyle": FONT,
        "min": least,
        "max": most,
        "axisLabel": FONT,
        "axisLine": {"show": True, "onZero": False, "lineStyle": {"color": GREY, "opacity": 0.5}},
        "splitLine": {"lineStyle": {"color": GREY, "opacity": 0.18}},
    }


def upright(name: str, least: float | None = None, most: float | None = None) -> dict[str, Any]:
    """Return a vertical axis of numbers."""
    return {**axis(name, least, most), "nameGap": 32}


def line(
    name: str, data: list[Any], colour: str, width: float = 2, dashed: bool = False, **more: Any
) -> dict[str, Any]:
    """Return a curve through points, of one colour."""
    return {
        "type": "line",
        "name": name,
        "data": data,
        "showSymbol": False,
        "itemStyle": {"color": colour},
        "lineStyle": {"color": colour, "width": width, "type": "dashed" if dashed else "solid"},
        **more,
    }


def points(name: str, data: list[Any], colour: str) -> dict[str, Any]:
    """Return large points of one colour."""
    style = {"symbolSize": 12, "itemStyle": {"color": colour}}
    return {"type": "scatter", "name": name, "data": data, **style}


def mark(x: float, words: str, colour: str = INK, type: str = "dashed") -> dict[str, Any]:
    """Return a line across a chart, with words above it."""
    return {
        "xAxis": x,
        "lineStyle": {"color": colour, "type": type, "width": 1.5},
        "label": {"formatter": words, "fontSize": 11, "position": "end", "distance": 4},
    }


def bounded(heading: str, name: str, bounds: list[Any], marked: dict[str, Any]) -> dict[str, Any]:
    """Return certified bad rates over the share that is accepted, with a series beside them."""
    return base(
        xAxis=axis("accepted, % of the model's draws", 0, 100),
        yAxis=upright(heading, 0),
        series=[line(name, bounds, INK, areaStyle={"color": INK, "opacity": 0.12}), marked],
    )
