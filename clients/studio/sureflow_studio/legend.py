"""What the colours mean."""

from __future__ import annotations

from nicegui import ui

from .colours import SCALE, UNSURE


def scale() -> ui.element:
    """Show the scale of confidence."""
    return _legend("unsure", f"linear-gradient(to right,{','.join(SCALE)})", "sure")


def doubt() -> ui.element:
    """Show the scale of a map: it has the colour of what is unsure, the more the less sure."""
    return _legend("sure", f"linear-gradient(to right,transparent,{UNSURE})", "unsure")


def _legend(left: str, colours: str, right: str) -> ui.element:
    with ui.element("div").classes("legend") as legend:
        ui.label(left)
        ui.element("div").classes("legend-scale").style(f"background:{colours}")
        ui.label(right)
    return legend
