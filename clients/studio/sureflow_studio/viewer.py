"""A sample, and its trajectory that is scrubbed through."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from nicegui import ui

from sureflow_client import Handle, Sample, Trajectory

from .canvas import Canvas
from .card import missing
from .fields import Slider
from .pictures import Floats, Mask, per_part, unsure
from .profile import ProfileChart
from .views.view import Show, Stage, View

VIEWS: dict[Show, str] = {"prediction": "Prediction", "state": "State"}


class Viewer:
    """Shows one sample at once, and its trajectory at one time as soon as that is there.

    Attributes:
        place: Of the view that is shown, in the order of time; the finished sample is the last.
        trajectory: ``None`` while only the finished sample is known.
        stage: What shows it.
    """

    def __init__(self, sample: Sample, view: View, moved: Callable[[], None]) -> None:
        self.sample, self._moved = sample, moved
        self.place = 0
        self.handle: Handle | None = None
        self.trajectory: Trajectory | None = None
        with ui.element("section").classes("panel viewer").props('aria-label="Trajectory"'):
            head = ui.element("div").classes("row-line spread viewer-head")
            self.stage = view.stage(sample, moved) if sample.data is not None else Stage()
            if sample.data is not None:
                self.stage.end(sample)
            with head:
                self._head()
            self._scrubber()
            self.profile = ProfileChart(self.go)
            self.coming = ui.label("Making the trajectory again …").classes("soft small")
            self.coming.props("role=status")
        for later in (self.times, self.slider, self.profile.chart):
            later.set_visibility(False)
        if sample.data is None:
            self.coming.text = missing(sample)

    @property
    def canvas(self) -> Canvas | None:
        """The picture, on which masks are painted; ``None`` where none can be."""
        return self.stage.canvas

    def follow(self, handle: Handle, trajectory: Trajectory) -> None:
        """Let the way there be looked through; the finished sample stays on show."""
        self.handle, self.trajectory = handle, trajectory
        self.maps = trajectory.maps()
        self.stage.follow(trajectory)
        last = len(trajectory) - 1
        self.slider.props["max"] = last
        for later in (self.times, self.slider, self.profile.chart):
            later.set_visibility(True)
        self.kind.set_visibility(self.stage.both)
        self.doubt.set_visibility(bool(self.stage.doubt))
        if self.legend is not None:
            self.legend.set_visibility(True)
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
        return unsure(per_part(self.maps[self.leave]), share)

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
        self.kind = ui.toggle(VIEWS, value="prediction", on_change=self._show)
        self.kind.props("no-caps dense unelevated padding='4px 10px'")
        self.kind.props("toggle-color=chosen toggle-text-color=chosen")
        with ui.element("div").classes("row-line tight"):
            self.doubt = ui.switch(self.stage.doubt, value=True, on_change=self._show)
            self.doubt.props("dense")
            self.legend = self.stage.legend()
        for later in (self.kind, self.doubt, self.legend):
            if later is not None:
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

    def _show(self) -> None:
        if self.trajectory is not None:
            self.stage.show(self.place, self.kind.value, bool(self.doubt.value))
