"""A sample, and its trajectory that is scrubbed through."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

import numpy as np
from nicegui import ui

from sureflow_client import Handle, Sample, Trajectory

from .canvas import Canvas
from .card import missing, written
from .fields import Slider
from .legend import doubt
from .path import PathChart
from .pictures import Floats, Mask, address, overlay, unsure
from .profile import ProfileChart

Show = Literal["state", "prediction"]

VIEWS: dict[Show, str] = {"prediction": "Prediction", "state": "State"}


class Viewer:
    """Shows one sample at once, and its trajectory at one time as soon as that is there.

    Attributes:
        place: Of the view that is shown, in the order of time; the finished sample is the last.
        trajectory: ``None`` while only the finished sample is known.
        canvas: The picture, on which masks are painted; ``None`` for vectors.
    """

    def __init__(self, sample: Sample, moved: Callable[[], None]) -> None:
        self.sample, self._moved = sample, moved
        self.place = 0
        self.handle: Handle | None = None
        self.trajectory: Trajectory | None = None
        self.canvas: Canvas | None = None
        self.path: PathChart | None = None
        self._pictures: dict[Show, list[str]] = {}
        with ui.element("section").classes("panel viewer").props('aria-label="Trajectory"'):
            self._head()
            if len(sample.shape) == 3:
                self.canvas = Canvas(*sample.shape[1:], painted=moved)
            elif isinstance(sample.data, dict):
                ui.label(json.dumps(sample.data)).classes("mono small")
            elif (text := written(sample)) is not None:
                ui.label(text).classes("mono small")
            else:
                self.path = PathChart()
            self._scrubber()
            self.profile = ProfileChart(self.go)
            self.coming = ui.label("Making the trajectory again …").classes("soft small")
            self.coming.props("role=status")
        for later in (self.times, self.slider, self.profile.chart):
            later.set_visibility(False)
        self._finished()

    def follow(self, handle: Handle, trajectory: Trajectory) -> None:
        """Let the way there be looked through; the finished sample stays on show."""
        self.handle, self.trajectory = handle, trajectory
        self.maps = trajectory.maps()
        last = len(trajectory) - 1
        self.slider.props["max"] = last
        for later in (self.times, self.slider, self.profile.chart):
            later.set_visibility(True)
        self.kind.set_visibility(self.canvas is not None)
        self.doubt.set_visibility(True)
        self.legend.set_visibility(self.canvas is not None)
        self.coming.set_visibility(False)
        self.go(last)

    @property
    def at_end(self) -> bool:
        """Whether the finished sample is on show."""
        return self.trajectory is None or self.trajectory.views[self.place].t >= 1

    @property
    def leave(self) -> int:
        """Place at which the trajectory is left: where one looks, or from the end, the commit."""
        return self._commit() if self.at_end else self.place

    @property
    def t(self) -> float:
        """Time at which it is left."""
        return self._known.views[self.leave].t

    @property
    def step(self) -> int:
        """The step that begins there."""
        return self._known.views[self.leave].step

    @property
    def end(self) -> Floats:
        """The finished sample, in full precision."""
        array: Floats = self._known.predictions()[-1]
        return array

    @property
    def _known(self) -> Trajectory:
        assert self.trajectory is not None
        return self.trajectory

    def unsure(self, share: float) -> Mask:
        """Return the least sure share of the components there, as a mask of a sample's shape.

        That of an image leaves out the channels.
        """
        return unsure(self._doubt(self.leave), share)

    def go(self, place: int) -> None:
        """Show another time."""
        assert self.handle is not None
        self.place = place
        self.slider.value = place
        view = self._known.views[place]
        self.when.text = f"t = {view.t:.2f} · step {view.step} of {self.handle.steps}"
        self._show()
        self.profile.show(self._known, self.handle.commits, place)
        self._moved()

    def _head(self) -> None:
        image = len(self.sample.shape) == 3
        with ui.element("div").classes("row-line spread viewer-head"):
            self.kind = ui.toggle(VIEWS, value="prediction", on_change=self._show)
            self.kind.props("no-caps dense unelevated padding='4px 10px'")
            self.kind.props("toggle-color=chosen toggle-text-color=chosen")
            with ui.element("div").classes("row-line tight"):
                words = "Unsure parts" if image else "Spread of the end (2 σ)"
                self.doubt = ui.switch(words, value=True, on_change=self._show)
                self.doubt.props("dense")
                self.legend = doubt()
        for later in (self.kind, self.doubt, self.legend):
            later.set_visibility(False)

    def _scrubber(self) -> None:
        with ui.element("div").classes("row-line spread") as self.times:
            self.when = ui.label().classes("tabular when").props('role="status"')
            with ui.element("div").classes("row-line tight"):
                for name, icon, place in (
                    ("Commit point", "flag", self._commit),
                    ("Finished", "last_page", self._last),
                ):
                    button = ui.button(name, icon=icon, on_click=lambda p=place: self.go(p()))
                    button.props("flat dense no-caps")
        self.slider = Slider(min=0, max=1, step=1, value=0, on_change=self._slid)
        self.slider.props('aria-label="Time"')

    def _slid(self) -> None:
        if self.trajectory is not None and int(self.slider.value) != self.place:
            self.go(int(self.slider.value))

    def _last(self) -> int:
        return len(self._known) - 1

    def _commit(self) -> int:
        """Place of the commit point, which is before the end."""
        if self.handle is None or not self.handle.commits:
            return 0
        nearest = int(np.argmin(np.abs(self._known.t - self.handle.commits[0].t)))
        return min(nearest, max(self._last() - 1, 0))

    def _finished(self) -> None:
        """Show the sample itself."""
        if self.sample.data is None:
            self.coming.text = missing(self.sample)
        elif self.canvas is not None:
            self.canvas.show(address(self.sample.image()), None)
        elif self.path is not None:
            self.path.end(self.sample.array())

    def _show(self) -> None:
        if self.trajectory is None:
            return
        if self.canvas is not None:
            shown = self._overlay() if self.doubt.value else None
            self.canvas.show(self._picture(self.kind.value), shown)
        elif self.path is not None:
            self.path.show(self.trajectory, self.place, bool(self.doubt.value))

    def _picture(self, kind: Show) -> str:
        if kind not in self._pictures:
            self._pictures[kind] = [address(image) for image in self._known.images(kind)]
        return self._pictures[kind][self.place]

    def _overlay(self) -> str | None:
        doubt = self._doubt(self.place)
        return overlay(doubt) if doubt.max() > 0 else None

    def _doubt(self, place: int) -> Floats:
        one: Floats = self.maps[place]
        return one.sum(axis=0) if one.ndim == 3 else one
