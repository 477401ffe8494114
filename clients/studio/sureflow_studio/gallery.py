"""The samples of a request, or of several that are compared, as they arrive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic

from nicegui import ui
from nicegui.element import Element

from sureflow_client import Sample

from . import export
from .column import Column
from .fields import Slider
from .group import Group
from .legend import scale
from .run import ORDERS, Open, Order, Run
from .waiting import waiting

REDRAW_S = 0.25
"""Between two looks at the progress of steps."""


class Gallery:
    """Cards in order, with a slider that lets the unsure ones step back.

    Attributes:
        group: What is on show; ``None`` before the first request.
        threshold: Confidence that is asked for.
    """

    def __init__(
        self,
        open_sample: Open,
        moved: Callable[[], None],
        history: Callable[[], Awaitable[None]],
    ) -> None:
        self.group: Group | None = None
        self.threshold = 0.0
        self.order: Order = "surest"
        self._open, self._moved = open_sample, moved
        self._columns: list[Column] = []
        self._drawn = 0.0
        with ui.element("section").classes("panel gallery").props('aria-label="Samples"'):
            self._head(history)
            self.progress = ui.linear_progress(0, show_value=False, size="6px")
            self.progress.props('instant-feedback aria-label="Progress"')
            self.left = ui.label().classes("soft small tabular progress-said")
            self.box = ui.element("div").classes("columns")
            self.empty = _empty()
            self.waiting = waiting("Waiting for the first sample")
        self._arrange()

    def show(self, group: Group | None) -> None:
        """Show another gallery, as far as it is there."""
        self.group = group
        self.box.clear()
        with self.box:
            headings = () if group is None else group.headings
            self._columns = [Column(group, i, self._open) for i, _ in enumerate(headings) if group]
        self.box.classes(remove="compared", add="compared" if len(self._columns) > 1 else "")
        self.title.text = "Samples" if group is None else group.model.name
        if group is not None:
            for run, sample in group.made():
                self._put(run, sample)
        for column in self._columns:
            column.plane(self.threshold, bool(self.hide.value))
        self._arrange()

    def heard(self, group: Group, run: Run, sample: Sample | None) -> None:
        """Show what has happened; nothing of a gallery that is not on show."""
        if group is not self.group:
            return
        if sample is None:
            if monotonic() - self._drawn > REDRAW_S:
                self._progress()
            return
        self._put(run, sample)
        self._columns[run.column].plane(self.threshold, bool(self.hide.value))
        self._arrange()

    def ended(self, group: Group) -> None:
        """Say what the requests came to."""
        if group is self.group:
            self._arrange()

    def _put(self, run: Run, sample: Sample) -> None:
        self._columns[run.column].add(sample, self.order, self.threshold)

    def _head(self, history: Callable[[], Awaitable[None]]) -> None:
        with ui.element("div").classes("row-line spread"):
            with ui.element("div").classes("row-line tight"):
                self.title = ui.label("Samples").classes("panel-title")
                self.title.props("role=heading aria-level=2")
                self.facts = ui.label().classes("soft small tabular facts").props('role="status"')
            with ui.element("div").classes("row-line tight"):
                self.sort = ui.select([*ORDERS], value=self.order, on_change=self._sorted)
                self.sort.props(
                    'dense options-dense borderless prefix="Sort:" aria-label="Sort"'
                ).classes("narrow")
                self.save = ui.button("Export", icon="download", on_click=self._export)
                self.save.props("flat dense no-caps")
                self.save.props["title"] = "All of it as one page that opens without a server"
                ui.button("History", icon="history", on_click=history).props("flat dense no-caps")
        with ui.element("div").classes("row-line") as self.filter:
            ui.label("Confidence").classes("field-name")
            self.slider = Slider(min=0, max=1, step=0.01, value=0, on_change=self._slid)
            self.slider.props('aria-label="Least confidence to show"')
            self.passing = ui.label().classes("tabular small passing")
            self.hide = ui.switch("Hide the others", on_change=self._hidden).props("dense")
            scale()

    def _export(self) -> None:
        if self.group is not None:
            content = export.page(self.group, self.threshold)
            ui.download.content(content, export.name(self.group), "text/html")

    def _slid(self) -> None:
        self.threshold = float(self.slider.value)
        for column in self._columns:
            column.show(self.threshold, bool(self.hide.value))
        self._arrange()

    def _sorted(self) -> None:
        self.order = self.sort.value
        for column in self._columns:
            column.sort(self.order)

    def _hidden(self) -> None:
        hidden = bool(self.hide.value)
        self.box.classes(add="hide-below" if hidden else "", remove="" if hidden else "hide-below")
        for column in self._columns:
            column.plane(self.threshold, hidden)

    def _progress(self) -> None:
        """Show how far the requests have come."""
        group, self._drawn = self.group, monotonic()
        busy = group is not None and not group.note
        self.progress.set_visibility(busy)
        self.left.set_visibility(busy)
        if group is not None:
            self.progress.value = round(group.progress.share, 3)
            self.left.text = group.progress.words()

    def _arrange(self) -> None:
        """Show what there is to show, and what the slider comes to."""
        group = self.group
        count = 0 if group is None else len(group.samples())
        busy = group is not None and not group.note
        self.empty.set_visibility(group is None)
        self.waiting.set_visibility(not count and busy)
        for shown in (self.filter, self.save):
            shown.set_visibility(bool(count))
        self.sort.set_visibility(bool(count) and len(self._columns) == 1)
        if group is not None:
            passing = group.passing(self.threshold)
            self.passing.text = f"≥ {self.threshold:.2f}: {passing} of {count}"
        if group is not None and group.note:
            for column in self._columns:
                column.ended()
        self.facts.text = "" if group is None else group.note or "making samples"
        self._progress()
        self._moved()


def _empty() -> Element:
    with ui.element("div").classes("empty") as box:
        ui.icon("auto_awesome")
        ui.label("No samples yet").classes("empty-title")
        ui.label("Choose a model and press Generate. Each sample appears when it is finished.")
    return box
