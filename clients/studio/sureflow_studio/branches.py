"""The branches of a sample, beside it."""

from __future__ import annotations

from nicegui import ui

from sureflow_client import Sample

from .card import Card
from .family import Member
from .keyboard import walkable
from .reveal import reveal
from .run import Open
from .session import Session


class Branches:
    """Cards of the open sample and of what branched off from it."""

    def __init__(self, session: Session, open_sample: Open) -> None:
        self.session, self.family, self._open = session, session.family, open_sample
        with ui.element("section").classes("panel side-panel") as self.box:
            ui.label("Side by side").classes("panel-title")
            self.said = ui.label().classes("soft small").props("role=status")
            self.cards = ui.element("div").classes("side")
            walkable(self.cards)
        self.box.props('aria-label="Side by side"')

    def show(self, handle: str) -> None:
        """Show a member of the family and its children."""
        children = [one for one in self.family.children(handle) if one.sample is not None]
        count = len(children)
        self.said.text = (
            f"This one and its {count} {'branch' if count == 1 else 'branches'}"
            if children
            else "No branches yet: Rewind makes some, and they appear here."
        )
        parent = self.family.members[handle].sample
        view = self.session.view(self.family.members[handle].model)
        assert parent is not None
        self.cards.clear()
        with self.cards:
            Card(parent, view, "this one", None).element.classes("open")
            for member in children:
                assert member.sample is not None
                Card(member.sample, view, _gain(parent, member), self._open)

    def reveal(self) -> None:
        """Bring them on the screen, where that is too small for all."""
        reveal(self.box)


def _gain(parent: Sample, member: Member) -> str:
    """Return how much surer a branch is than the sample that it left."""
    before = parent.confidence
    after = None if member.sample is None else member.sample.confidence
    return "" if before is None or after is None else f"{round(after - before, 2) + 0.0:+.2f}"
