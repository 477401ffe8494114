"""What is shown in place of what is not there yet."""

from __future__ import annotations

from nicegui import ui
from nicegui.element import Element


def waiting(words: str) -> Element:
    """Show that something is under way."""
    with ui.element("div").classes("empty").props('role="status"') as box:
        ui.spinner(size="32px", color=None)
        ui.label(words)
    return box
