"""A slider that stands where it was put."""

from __future__ import annotations

from nicegui import ui


class Slider(ui.slider):
    """Moves in the browser first and is heard of afterwards.

    Otherwise the server's answer to one key pressed undoes those that were pressed meanwhile.
    """

    LOOPBACK = False
