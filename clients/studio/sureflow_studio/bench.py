"""The view of one sample: its trajectory, where to send it, its family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from nicegui import ui

from sureflow_client import (
    AtStep,
    EditResult,
    Handle,
    OperationLike,
    Sample,
    SureflowError,
    Trajectory,
)

from .card import Card, spoken
from .download import Downloads
from .errors import Notice
from .family import Member
from .keyboard import focus
from .plan import operations
from .recipe import edited
from .rewind import RewindPanel
from .session import Session
from .tree import Tree
from .viewer import Viewer
from .waiting import waiting

SHOW: tuple[Literal["state", "prediction", "map"], ...] = ("state", "prediction", "map")

MOST_VIEWS = 64
"""Of a trajectory; a longer one is looked at in as many places."""

MOST_FETCHED = 48
"""Relatives of an earlier visit that are fetched to be shown."""


class Bench:
    """Opens one sample at a time, in place of the gallery."""

    def __init__(self, session: Session, notice: Notice, back: Callable[[], None]) -> None:
        self.session, self.notice, self._back = session, notice, back
        self.box = ui.element("div").classes("bench")
        self.box.set_visibility(False)
        self.box.on("keydown.escape", self.close)
        self.panel: RewindPanel | None = None
        self._latest: object = None

    async def open(self, sample: Sample) -> None:
        """Show a sample that has a handle."""
        # A later request makes this one stale.
        request = self._latest = object()
        self.notice.hide()
        self.panel = None
        self.box.clear()
        self.box.set_visibility(True)
        with self.box:
            back = ui.button("Samples", icon="arrow_back", on_click=self.close)
            back.props("flat dense no-caps").classes("back").style("align-self:flex-start")
            shown = waiting("Making its trajectory again")
        focus(back)
        try:
            opened = await self.session.client.handle(sample)
            views = None if opened.steps < MOST_VIEWS else np.linspace(0, 1, MOST_VIEWS).tolist()
            trajectory = await self.session.client.frames(sample, views, show=SHOW)
            await self._meet(opened)
        except SureflowError as error:
            if self._latest is request:
                shown.delete()
                self.notice.show(error)
            return
        if self._latest is request:
            self.box.clear()
            self._show(opened, trajectory)

    def _show(self, opened: Handle, trajectory: Trajectory) -> None:
        with self.box:
            self._head(opened)
            with ui.element("div").classes("bench-pair"):
                with ui.element("div").classes("stack").style("gap:20px"):
                    self.viewer = Viewer(opened, trajectory, self._moved)
                model = self.session.models[opened.model]
                self.panel = RewindPanel(model, opened.sample, self.viewer, self._rewind)
            self.side = ui.element("section").classes("panel side-panel")
            self.side.props('aria-label="Side by side"').set_visibility(False)
            self.tree = Tree(self.session.family, self.open)
        self._relatives(opened.id)

    def close(self) -> None:
        """Go back to the gallery."""
        self._latest = None
        self.box.set_visibility(False)
        self.box.clear()
        self.notice.hide()
        self._back()

    async def _meet(self, opened: Handle) -> None:
        """Learn who is related to the sample, from the server too."""
        family = self.session.family
        known = family.members.get(opened.id) or Member(opened.id, opened.model, opened.parent)
        family.add(replace(known, sample=opened.sample))
        family.meet(await self.session.client.handles())
        related = [member for row in family.generations(opened.id) for member in row]
        unseen = [member for member in related if member.sample is None]
        for member in unseen[:MOST_FETCHED]:
            sample = (await self.session.client.handle(member.handle)).sample
            family.add(replace(member, sample=sample))

    def _head(self, opened: Handle) -> None:
        with ui.element("div").classes("row-line spread"):
            with ui.element("div").classes("row-line tight"):
                back = ui.button("Samples", icon="arrow_back", on_click=self.close)
                back.props("flat dense no-caps").classes("back")
                ui.label(f"{opened.model} #{opened.sample.index}").classes("panel-title")
                ui.label(spoken(opened.sample)).classes("soft tabular")
            Downloads(self.session, self.session.family.members[opened.id], self.notice)
        self.opened = opened
        focus(back)

    def _moved(self) -> None:
        if self.panel is not None:
            self.panel.moved()

    async def _rewind(self) -> None:
        """Redirect the sample from the time on show."""
        panel, opened = self.panel, self.opened
        assert panel is not None
        self.notice.hide()
        choice = panel.choice()
        try:
            wanted = operations(choice)
        except ValueError as error:
            ui.notify(str(error), type="warning", position="top")
            return
        panel.button.props("loading")
        try:
            result = await self.session.client.edit(
                opened.id,
                wanted,
                at=AtStep(self.viewer.step),
                branches=choice.branches,
                rewind=True,
            )
        except SureflowError as error:
            self.notice.show(error)
            return
        finally:
            panel.button.props(remove="loading")
        self._born(opened.id, wanted, result)
        if self.panel is panel:
            self._relatives(opened.id)

    def _born(self, handle: str, wanted: list[OperationLike], result: EditResult) -> None:
        """Take the branches of a sample into the family."""
        family = self.session.family
        parent = family.members[handle]
        for sample in result:
            if sample.handle is not None:
                recipe = edited(parent, wanted, result.at.step, len(result), sample)
                family.add(
                    Member(
                        sample.handle.id, parent.model, parent.handle, sample, recipe, result.at.t
                    )
                )

    def _relatives(self, handle: str) -> None:
        """Show the branches of the open sample side by side with it, and the tree."""
        family = self.session.family
        children = [member for member in family.children(handle) if member.sample is not None]
        self.side.set_visibility(bool(children))
        self.side.clear()
        with self.side:
            ui.label(f"Side by side: this one and its {len(children)} branches").classes(
                "panel-title"
            )
            with ui.element("div").classes("side"):
                Card(self.opened.sample, "this one", None).element.classes("open")
                for member in children:
                    assert member.sample is not None
                    Card(member.sample, _gain(self.opened, member), self.open)
        self.tree.show(handle)


def _gain(opened: Handle, member: Member) -> str:
    """Return how much surer a branch is than the sample that it left."""
    before = opened.sample.confidence
    after = None if member.sample is None else member.sample.confidence
    return "" if before is None or after is None else f"{round(after - before, 2) + 0.0:+.2f}"
