"""The samples of one setting: cards in order, and all of them in one picture."""

from __future__ import annotations

from nicegui import ui

from sureflow_client import Sample

from .card import Card
from .group import Group
from .keyboard import walkable
from .run import Open, Order, passes, place, rank
from .summary import Summary
from .views import view_of


class Column:
    """One of the settings that are compared, or the only one."""

    def __init__(self, group: Group, number: int, open_sample: Open) -> None:
        self.group, self.number, self._open = group, number, open_sample
        self.cards: list[Card] = []
        heading = group.headings[number]
        with ui.element("div").classes("column-of stack") as self.element:
            if heading:
                ui.label(heading).classes("panel-title column-name").props(
                    "role=heading aria-level=3"
                )
            self.view = view_of(group.model)
            self.summary = Summary()
            self.overview = self.view.overview(open_sample)
            self.box = ui.element("div").classes("cards")
            walkable(self.box)

    def add(self, sample: Sample, order: Order, threshold: float) -> None:
        """Put a sample where it belongs."""
        where = self._where(sample, order)
        with self.box:
            card = Card(sample, self.view, self.group.name(sample), self._open)
        card.element.move(self.box, target_index=where)
        card.dim(not passes(sample, threshold))
        self.cards.insert(where, card)

    def sort(self, order: Order) -> None:
        """Put the cards in another order."""
        came = {id(one): number for number, one in enumerate(self.group.samples(self.number))}
        if order == "arrival":
            self.cards.sort(key=lambda card: came[id(card.sample)])
        else:
            self.cards.sort(key=lambda card: rank(card.sample, order))
        for number, card in enumerate(self.cards):
            card.element.move(self.box, target_index=number)

    def show(self, threshold: float, hide: bool) -> None:
        """Let what is below a threshold step back."""
        for card in self.cards:
            card.dim(not passes(card.sample, threshold))
        self.plane(threshold, hide)

    def plane(self, threshold: float, hide: bool) -> None:
        """Draw all samples together, if that shows more than cards do."""
        if self.overview is not None:
            self.overview.show(self.group.samples(self.number), threshold, hide)

    def ended(self) -> None:
        """Say what the server said of all samples together."""
        self.summary.show(self.group.ends(self.number))

    def _where(self, sample: Sample, order: Order) -> int:
        shown = [card.sample for card in self.cards]
        if len(self.group.headings) > 1:
            # Equal seeds and numbers begin with equal noise: they stand side by side.
            return sum(other.index < sample.index for other in shown)
        return place(shown, sample, order)
