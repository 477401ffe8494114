"""What all charts have in common; their text gets its colour from the style sheet."""

from __future__ import annotations

from typing import Any

GREY = "#8a93a3"
ACCENT = "#4f7df0"
AMBER = "#e08a00"

FONT = {"fontFamily": "inherit", "fontSize": 11}


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


def mark(x: float, words: str, colour: str = AMBER) -> dict[str, Any]:
    """Return a dashed line across a chart, with words above it."""
    return {
        "xAxis": x,
        "lineStyle": {"color": colour, "type": "dashed", "width": 1.5},
        "label": {"formatter": words, "fontSize": 11, "position": "end", "distance": 4},
    }
