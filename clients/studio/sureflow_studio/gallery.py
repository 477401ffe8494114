"""The samples of a request, as they arrive."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui
from nicegui.element import Element

from sureflow_client import Sample

from .card import Card, Open
from .fields import Slider
from .keyboard import walkable
from .run import ORDERS, Order, Run, passes, place, rank
from .scatter import Scatter
from .waiting import waiting


class Gallery:
    """Cards in order, with a slider that lets the doubtful step back.

    Attributes:
        run: The request on show; ``None`` before the first one.
        threshold: Confidence that is asked for.
    """

    def __init__(self, open_sample: Open, moved: Callable[[], None]) -> None:
        self.run: Run | None = None
        self.threshold = 0.0
        self.order: Order = "surest"
        self._open, self._moved = open_sample, moved
        self._cards: list[Card] = []
        with ui.element("section").classes("panel gallery").props('aria-label="Samples"'):
            self._head()
            self.progress = ui.linear_progress(0, show_value=False, size="4px")
            self.progress.props('instant-feedback aria-label="Progress"')
            self.scatter = Scatter(open_sample)
            self.box = ui.element("div").classes("cards")
            walkable(self.box)
            self.empty = _empty()
            self.waiting = waiting("Waiting for the first sample")
        self.progress.set_visibility(False)
        self._busy = False
        self._arrange()

    def begin(self, run: Run) -> None:
        """Clear the place for a request."""
        self.run, self._cards, self._busy = run, [], True
        self.box.clear()
        self.scatter.begin(run)
        self.title.text = run.model.name
        self.facts.text = "waiting for the first sample"
        self.progress.value = 0
        self.progress.set_visibility(True)
        self._arrange()

    def add(self, sample: Sample) -> None:
        """Put a sample where it belongs."""
        assert self.run is not None
        where = place([card.sample for card in self._cards], sample, self.order)
        self.run.samples.append(sample)
        with self.box:
            card = Card(sample, f"#{sample.index}", self._open)
        card.element.move(self.box, target_index=where)
        card.dim(not passes(sample, self.threshold))
        self._cards.insert(where, card)
        self._scatter()
        self.progress.value = min(1.0, len(self._cards) / self.run.n)
        self._arrange()

    def end(self, words: str) -> None:
        """Say what the request came to."""
        self._busy = False
        self.progress.set_visibility(False)
        self.facts.text = words
        self._arrange()

    def _head(self) -> None:
        with ui.element("div").classes("row-line spread"):
            with ui.element("div").classes("row-line tight"):
                self.title = ui.label("Samples").classes("panel-title")
                self.facts = ui.label().classes("soft small tabular facts").props('role="status"')
            self.sort = ui.select([*ORDERS], value=self.order, on_change=self._sorted)
            self.sort.props(
                'dense options-dense borderless prefix="Sort:" aria-label="Sort"'
            ).classes("narrow")
        with ui.element("div").classes("row-line") as self.filter:
            ui.label("Confidence").classes("field-name")
            self.slider = Slider(min=0, max=1, step=0.01, value=0, on_change=self._slid)
            self.slider.props('aria-label="Least confidence to show"')
            self.passing = ui.label().classes("tabular small passing")
            self.hide = ui.switch("Hide the others", on_change=self._hidden).props("dense")

    def _slid(self) -> None:
        self.threshold = float(self.slider.value)
        for card in self._cards:
            card.dim(not passes(card.sample, self.threshold))
        self._scatter()
        self._arrange()

    def _scatter(self) -> None:
        if self.run is not None:
            self.scatter.show(self.run, self.threshold, bool(self.hide.value))

    def _sorted(self) -> None:
        self.order = self.sort.value
        if self.run is None:
            return
        came = {id(sample): number for number, sample in enumerate(self.run.samples)}
        if self.order == "arrival":
            self._cards.sort(key=lambda card: came[id(card.sample)])
        else:
            self._cards.sort(key=lambda card: rank(card.sample, self.order))
        for number, card in enumerate(self._cards):
            card.element.move(self.box, target_index=number)

    def _hidden(self) -> None:
        hidden = bool(self.hide.value)
        self.box.classes(add="hide-below" if hidden else "", remove="" if hidden else "hide-below")
        self._scatter()

    def _arrange(self) -> None:
        """Show what there is to show, and what the slider comes to."""
        count = len(self._cards)
        self.empty.set_visibility(not count and not self._busy)
        self.waiting.set_visibility(not count and self._busy)
        self.filter.set_visibility(bool(count))
        self.sort.set_visibility(bool(count))
        if self.run is not None and count:
            passing = self.run.passing(self.threshold)
            self.passing.text = f"≥ {self.threshold:.2f}: {passing} of {count}"
        self._moved()


def _empty() -> Element:
    with ui.element("div").classes("empty") as box:
        ui.icon("auto_awesome")
        ui.label("No samples yet").classes("empty-title")
        ui.label("Choose a model and press Generate. Each sample appears when it is finished.")
    return box
