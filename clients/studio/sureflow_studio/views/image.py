"""Images: the picture, on which the unsure parts are laid and masks are painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from nicegui import ui
from nicegui.element import Element

from sureflow_client import Proposed, Trajectory

from .. import legend
from ..canvas import Canvas
from ..pictures import address, overlay, per_part
from .view import Show, Shown, Stage, View, image_of


class ImageStage(Stage):
    """The picture at a time, or what it is heading for."""

    both: ClassVar[bool] = True
    doubt: ClassVar[str] = "Unsure parts"

    def __init__(self, height: int, width: int, moved: Callable[[], None]) -> None:
        self.canvas: Canvas = Canvas(height, width, painted=moved)
        self._pictures: dict[Show, list[str]] = {}

    def legend(self) -> Element:
        """Show the scale of doubt."""
        return legend.doubt()

    def end(self, sample: Shown) -> None:
        """Show the finished sample."""
        self.canvas.show(address(sample.image()), None)

    def follow(self, trajectory: Trajectory) -> None:
        """Take in a trajectory."""
        self.trajectory, self.maps = trajectory, trajectory.maps()

    def show(self, place: int, kind: Show, doubt: bool) -> None:
        """Show one time."""
        if kind not in self._pictures:
            self._pictures[kind] = [address(image) for image in self.trajectory.images(kind)]
        unsure = per_part(self.maps[place])
        shown = overlay(unsure) if doubt and unsure.max() > 0 else None
        self.canvas.show(self._pictures[kind][place], shown)


class ImageView(View):
    """Images ``[channels, height, width]``."""

    def thumbnail(self, sample: Shown) -> Element:
        """Show the picture."""
        return image_of(address(sample.image()))

    def stage(self, sample: Shown, moved: Callable[[], None]) -> Stage:
        """Make room for a picture."""
        _, height, width = sample.shape
        return ImageStage(height, width, moved)

    def review(self, sample: Proposed, others: Sequence[Proposed]) -> None:
        """Show the picture alone."""
        picture = ui.element("img").classes("review-picture")
        picture.props["src"] = address(sample.image())
        picture.props["alt"] = f"Sample {sample.draw}"
