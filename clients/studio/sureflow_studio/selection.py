"""What a selection removes: the shares of the classes before it and after."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from nicegui import ui

from .group import Group
from .run import passes

NOTABLE = 0.02
"""A smaller change of a share is not spoken of."""


@dataclass(frozen=True)
class Share:
    """Share of a class among all samples, and among those that are selected."""

    label: str
    before: float
    after: float


class SelectionPanel:
    """A table of classes, with bars, below the chart of what passes."""

    def __init__(self) -> None:
        with ui.element("div").classes("selection stack") as self.box:
            ui.label("What the selection removes").classes("selection-title")
            self.words = ui.label().classes("small selection-words")
            self.table = ui.element("table").classes("selection-table small tabular")
        self.box.set_visibility(False)

    def show(self, group: Group, threshold: float) -> None:
        """Count the samples that are there, at a threshold."""
        self.box.set_visibility(bool(group.samples()) and bool(group.model.classes))
        found = shares(group, threshold)
        self.words.text = words(group, found, threshold)
        self.table.set_visibility(len(found) > 1)
        self.table.clear()
        if len(found) > 1:
            with self.table:
                _table(found)


def shares(group: Group, threshold: float) -> list[Share]:
    """Return each class with its shares before and after, in the order of the model.

    What counts as selected has passed the server's filter, and is at least as confident.
    """
    made = [(each.label, each) for each in group.samples() if each.label is not None]
    before = Counter(label for label, _ in made)
    after = Counter(
        label
        for label, sample in made
        if passes(sample, threshold) and (sample.decision is None or sample.accepted)
    )
    order = {label: place for place, label in enumerate(group.model.classes or ())}
    return [
        Share(label, before[label] / before.total(), after[label] / max(after.total(), 1))
        for label in sorted(before, key=lambda label: order.get(label, 0))
    ]


def words(group: Group, found: list[Share], threshold: float) -> str:
    """Return what a selection does to the classes, in a sentence."""
    if not found:
        return (
            "No class was asked for, so what the selection does to the classes is not known. "
            "Generate every class to see it."
        )
    if len(found) == 1:
        return f"All are of one class, {found[0].label}: a selection cannot change its share."
    lost = min(found, key=lambda share: share.after - share.before)
    won = max(found, key=lambda share: share.after - share.before)
    if won.after - won.before < NOTABLE and lost.before - lost.after < NOTABLE:
        return "The classes keep their shares."
    return f"{_change(lost)}; {_change(won)}."


def _change(share: Share) -> str:
    return f"{share.label} goes from {share.before:.0%} to {share.after:.0%}"


def _table(found: list[Share]) -> None:
    with ui.element("thead"), ui.element("tr"):
        for name in ("Class", "All", "Selected"):
            _cell("th", name).props["scope"] = "col"
    with ui.element("tbody"):
        for share in found:
            with ui.element("tr"):
                _cell("th", share.label).props["scope"] = "row"
                _cell("td", f"{share.before:.0%}")
                _cell("td", f"{share.after:.0%}")


def _cell(tag: str, text: str) -> ui.element:
    with ui.element(tag) as cell:
        ui.label(text)
    return cell
