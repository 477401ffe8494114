"""A trajectory that is scrubbed through: what it looked like, and how sure the model was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from nicegui import ui

from sureflow_client import Handle, Trajectory

from .canvas import Canvas
from .colours import VIRIDIS
from .fields import Slider
from .path import PathChart
from .pictures import Floats, Mask, address, overlay, unsure
from .profile import ProfileChart

Show = Literal["state", "prediction"]

VIEWS: dict[Show, str] = {"prediction": "Where it is heading", "state": "State"}


class Viewer:
    """Shows one trajectory at one time.

    Attributes:
        place: Of the view that is shown, in the order of time.
        canvas: The picture, on which masks are painted; ``None`` for vectors.
    """

    def __init__(self, handle: Handle, trajectory: Trajectory, moved: Callable[[], None]) -> None:
        self.handle, self.trajectory, self._moved = handle, trajectory, moved
        self.place = self._commit()
        self.canvas: Canvas | None = None
        self.path: PathChart | None = None
        self._pictures: dict[Show, list[str]] = {}
        self.maps = trajectory.maps()
        with ui.element("section").classes("panel viewer").props('aria-label="Trajectory"'):
            self._head()
            if len(trajectory.shape) == 3:
                self.canvas = Canvas(*trajectory.shape[1:], painted=moved)
            else:
                self.path = PathChart(trajectory)
            self._scrubber()
            self.profile = ProfileChart(self.go)
        self.go(self.place)

    @property
    def t(self) -> float:
        """Time that is shown."""
        return self.trajectory.views[self.place].t

    @property
    def step(self) -> int:
        """The step that begins there."""
        return self.trajectory.views[self.place].step

    def unsure(self, share: float) -> Mask:
        """Return the least sure share of the components there, as a mask of a sample's shape.

        That of an image leaves out the channels.
        """
        return unsure(self._doubt(), share)

    def go(self, place: int) -> None:
        """Show another time."""
        self.place = place
        self.slider.value = place
        view = self.trajectory.views[place]
        self.when.text = f"t = {view.t:.2f} · step {view.step} of {self.handle.steps}"
        self._show()
        self.profile.show(self.trajectory, self.handle.commits, place)
        self._moved()

    def _head(self) -> None:
        image = len(self.trajectory.shape) == 3
        with ui.element("div").classes("row-line spread"):
            self.kind = ui.toggle(VIEWS, value="prediction", on_change=self._show)
            self.kind.props("no-caps dense unelevated padding='4px 10px'")
            self.kind.props("toggle-color=chosen toggle-text-color=chosen")
            self.kind.set_visibility(image)
            with ui.element("div").classes("row-line tight"):
                words = "Unsure parts" if image else "Spread of the end (2 σ)"
                self.doubt = ui.switch(words, value=True, on_change=self._show)
                self.doubt.props("dense")
                with ui.element("div").classes("legend") as legend:
                    ui.element("div").classes("legend-scale").style(
                        f"background:linear-gradient(to right,{','.join(VIRIDIS)})"
                    )
                    ui.label("more")
                legend.set_visibility(image)

    def _scrubber(self) -> None:
        with ui.element("div").classes("row-line spread"):
            self.when = ui.label().classes("tabular when").props('role="status"')
            ui.button("Commit point", icon="flag", on_click=lambda: self.go(self._commit())).props(
                "flat dense no-caps"
            )
        last = len(self.trajectory) - 1
        self.slider = Slider(min=0, max=last, step=1, value=self.place, on_change=self._slid)
        self.slider.props('aria-label="Time"')

    def _slid(self) -> None:
        if int(self.slider.value) != self.place:
            self.go(int(self.slider.value))

    def _commit(self) -> int:
        """Place of the commit point."""
        if not self.handle.commits:
            return 0
        return int(np.argmin(np.abs(self.trajectory.t - self.handle.commits[0].t)))

    def _show(self) -> None:
        if self.canvas is not None:
            shown = self._overlay() if self.doubt.value else None
            self.canvas.show(self._picture(self.kind.value), shown)
        elif self.path is not None:
            self.path.show(self.place, bool(self.doubt.value))

    def _picture(self, kind: Show) -> str:
        if kind not in self._pictures:
            self._pictures[kind] = [address(image) for image in self.trajectory.images(kind)]
        return self._pictures[kind][self.place]

    def _overlay(self) -> str | None:
        doubt = self._doubt()
        return overlay(doubt) if doubt.max() > 0 else None

    def _doubt(self) -> Floats:
        one: Floats = self.maps[self.place]
        return one.sum(axis=0) if one.ndim == 3 else one
