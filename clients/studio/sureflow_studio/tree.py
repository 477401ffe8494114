"""The family of a sample: generation below generation."""

from __future__ import annotations

from nicegui import ui

from .card import Card
from .family import Member
from .keyboard import walkable
from .run import Open
from .session import Session

NAMES = ("Root", "Branches")


class Tree:
    """Generations along the line of the open sample; every one can be opened."""

    def __init__(self, session: Session, open_sample: Open) -> None:
        self.session, self.family, self._open = session, session.family, open_sample
        with ui.element("section").classes("panel tree").props('aria-label="Family"'):
            with ui.element("div").classes("row-line spread"):
                ui.label("Family").classes("panel-title")
                self.note = ui.label().classes("soft small")
            self.box = ui.element("div").classes("stack")
            walkable(self.box)

    def show(self, handle: str) -> None:
        """Draw the family of a member."""
        rows = self.family.generations(handle)
        line = {member.handle for member in self.family.line(handle)}
        self.note.text = "" if len(rows) > 1 else "No branches yet: rewind to make some."
        self.box.clear()
        with self.box:
            for depth, row in enumerate(rows):
                with ui.element("div").classes("generation"):
                    ui.label(_name(depth)).classes("generation-name")
                    for member in row:
                        self._member(member, member.handle in line, member.handle == handle)

    def _member(self, member: Member, on_line: bool, open: bool) -> None:
        if member.sample is None:
            return
        card = Card(member.sample, self.session.view(member.model), left(member), self._open)
        if on_line:
            card.element.classes("open")
        if open:
            card.element.props('aria-current="true"')


def left(member: Member) -> str:
    """Return when a member left its parent, in a few characters."""
    return "" if member.left_at is None else f"t {member.left_at:.2f}"


def _name(depth: int) -> str:
    return NAMES[depth] if depth < len(NAMES) else f"Branches {depth}"
