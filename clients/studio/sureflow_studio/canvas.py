"""A picture with its unsure parts, on which a mask can be painted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from nicegui import ui
from nicegui.events import MouseEventArguments

from .keyboard import name
from .pictures import Mask, rectangles

DOWN, MOVE = "pointerdown", "pointermove"
"""Of a mouse, a pen or a finger."""

PRIMARY = 1
"""Of the pressed buttons."""


class Canvas:
    """One picture at a time.

    Attributes:
        mask: What has been painted, ``[height, width]``.
        brush: Radius in pixels; 0 paints single ones.
        erasing: Whether what is painted is taken away; the shift key does that too.
    """

    def __init__(self, height: int, width: int, painted: Callable[[], None]) -> None:
        self.mask: Mask = np.zeros((height, width), dtype=bool)
        self.brush = 2.0
        self.erasing = False
        self._painting = False
        self._painted = painted
        self._overlay: str | None = None
        self._last = (0.0, 0.0)
        with ui.element("div").classes("stage") as self.box:
            self.image = ui.interactive_image(
                size=(width, height), on_mouse=self._mouse, events=[DOWN, MOVE], sanitize=False
            )
        name(self.image, "The sample at the time on show")

    def show(self, source: str, overlay: str | None) -> None:
        """Show a picture, and a map over it."""
        self._overlay = overlay
        self.image.set_source(source)
        self._draw()

    def paint(self, painting: bool) -> None:
        """Let the pointer paint, or not."""
        self._painting = painting
        self.box.classes(add="painting" if painting else "", remove="" if painting else "painting")
        self._draw()

    def replace(self, mask: Mask) -> None:
        """Paint this, and nothing else."""
        self.mask = mask
        self._draw()
        self._painted()

    def _mouse(self, event: MouseEventArguments) -> None:
        if not self._painting or not event.buttons & PRIMARY:
            return
        here = event.image_x, event.image_y
        if event.type == DOWN:
            self._last = here
        mask = stroke(self.mask, self._last, here, self.brush, not (self.erasing or event.shift))
        self._last = here
        if (mask != self.mask).any():
            self.replace(mask)

    def _draw(self) -> None:
        height, width = self.mask.shape
        svg = ""
        if self._overlay is not None:
            svg = f'<image href="{self._overlay}" width="{width}" height="{height}"/>'
        if self._painting:
            svg += f'<g class="painted">{rectangles(self.mask)}</g>'
        self.image.set_content(svg)


def stroke(
    mask: Mask, start: tuple[float, float], end: tuple[float, float], brush: float, on: bool
) -> Mask:
    """Return a mask with a stroke of a round brush, or without it.

    Args:
        mask: Before, ``[height, width]``.
        start: Column and row, in pixels from the upper left corner.
        end: Likewise.
        brush: Radius in pixels.
        on: Whether to paint or to erase.
    """
    rows, columns = np.indices(mask.shape) + 0.5
    way = np.subtract(end, start)
    length = float(way @ way) or 1.0
    along = ((columns - start[0]) * way[0] + (rows - start[1]) * way[1]) / length
    along = np.clip(along, 0, 1)
    far = np.hypot(columns - start[0] - along * way[0], rows - start[1] - along * way[1])
    # A brush without width still paints the pixel that it is in.
    touched: Mask = far <= max(brush, np.sqrt(0.5))
    return mask | touched if on else mask & ~touched
