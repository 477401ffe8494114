"""The view of one sample: itself, its trajectory, where to send it, its family."""

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

from .branches import Branches
from .card import spoken
from .download import Downloads
from .errors import Notice
from .family import Member
from .keyboard import focus
from .plan import operations
from .recipe import edited, kept
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
    """Shows one sample at a time, in place of the gallery.

    Attributes:
        handle: That of the sample on show; ``None`` while there is none.
    """

    def __init__(
        self,
        session: Session,
        notice: Notice,
        open_sample: Callable[[Sample], object],
        back: Callable[[], object],
    ) -> None:
        self.session, self.notice = session, notice
        self._open, self._back = open_sample, back
        self.handle: str | None = None
        self.box = ui.element("div").classes("bench")
        self.box.set_visibility(False)
        self.panel: RewindPanel | None = None

    async def show(self, handle: str) -> None:
        """Show a sample: at once if it is known, and its trajectory as soon as it is there."""
        self.notice.hide()
        self.handle, self.panel = handle, None
        self.box.clear()
        self.box.set_visibility(True)
        member = self.session.family.members.get(handle)
        try:
            if member is not None and member.sample is not None:
                self._draw(member, member.sample)
                opened = await self.session.client.handle(handle)
            else:
                opened = await self._fetch(handle)
            await self._complete(opened)
        except SureflowError as error:
            if self.handle == handle:
                self._failed(error)

    def hide(self) -> None:
        """Show none any more."""
        self.handle = None
        self.box.set_visibility(False)
        self.box.clear()

    async def _fetch(self, handle: str) -> Handle:
        """Learn of a sample that this visit has not seen."""
        with self.box:
            self._button()
            waiting("Fetching the sample")
        opened = await self.session.client.handle(handle)
        member = self._learn(opened)
        if self.handle == handle:
            self.box.clear()
            self._draw(member, opened.sample)
        return opened

    def _draw(self, member: Member, sample: Sample) -> None:
        """Show the sample itself, and what is known of its relatives."""
        with self.box:
            self._head(member, sample)
            with ui.element("div").classes("bench-pair"):
                self.viewer = Viewer(sample, self.session.view(member.model), self._moved)
                self.branches = Branches(self.session, self._open)
                self.place = ui.element("div").classes("rewind-place")
            self.tree = Tree(self.session, self._open)
        self._relatives(member.handle)

    async def _complete(self, opened: Handle) -> None:
        """Fetch the trajectory and the family."""
        client = self.session.client
        views = None if opened.steps < MOST_VIEWS else np.linspace(0, 1, MOST_VIEWS).tolist()
        trajectory = await client.frames(opened.id, views, show=SHOW)
        if self.handle == opened.id:
            self._follow(opened, trajectory)
        await self._meet(opened)
        if self.handle == opened.id:
            self._relatives(opened.id)

    def _follow(self, opened: Handle, trajectory: Trajectory) -> None:
        self.opened = opened
        self.viewer.follow(opened, trajectory)
        model = self.session.models.get(opened.model)
        if model is not None:
            with self.place:
                self.panel = RewindPanel(model, opened.sample, self.viewer, self._rewind)

    def _failed(self, error: SureflowError) -> None:
        self.notice.show(error)
        if self.session.family.members.get(self.handle or "") is None:
            self.box.clear()
            with self.box:
                self._button()
        else:
            self.viewer.coming.text = "Its trajectory cannot be shown."

    async def _meet(self, opened: Handle) -> None:
        """Learn who is related to the sample, from the server too."""
        family = self.session.family
        self._learn(opened)
        family.meet(await self.session.client.handles())
        related = [member for row in family.generations(opened.id) for member in row]
        unseen = [member for member in related if member.sample is None]
        for member in unseen[:MOST_FETCHED]:
            self._learn(await self.session.client.handle(member.handle))
        self._learn(opened)  # whose parent is known by now

    def _learn(self, handle: Handle) -> Member:
        """Take a sample into the family, with what makes it again."""
        family = self.session.family
        known = family.members.get(handle.id) or Member(handle.id, handle.model, handle.parent)
        recipe = known.recipe or kept(handle, family.members.get(handle.parent or ""))
        # What is known already may have its map, too.
        family.add(replace(known, sample=known.sample or handle.sample, recipe=recipe))
        return family.members[handle.id]

    def _button(self) -> ui.button:
        back = ui.button("Samples", icon="arrow_back", on_click=self._back)
        back.props("flat dense no-caps").classes("back")
        focus(back)
        return back

    def _head(self, member: Member, sample: Sample) -> None:
        with ui.element("div").classes("row-line spread"):
            with ui.element("div").classes("row-line tight"):
                self._button()
                title = ui.label(f"{member.model} #{sample.index}").classes("panel-title")
                title.props("role=heading aria-level=2")
                ui.label(spoken(sample)).classes("soft tabular")
            Downloads(self.session, member.handle, self.notice)

    def _moved(self) -> None:
        if self.panel is not None:
            self.panel.moved()

    async def _rewind(self) -> None:
        """Redirect the sample from the time on show."""
        panel, opened = self.panel, self.opened
        assert panel is not None
        self.notice.hide()
        try:
            choice = panel.choice()
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
                map=bool(self.session.view(opened.model).options.get("map")),
            )
        except SureflowError as error:
            self.notice.show(error)
            return
        finally:
            panel.button.props(remove="loading")
        self._born(opened.id, wanted, result)
        if self.panel is panel:
            self._relatives(opened.id)
            self.branches.reveal()

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
        """Show the branches of the open sample beside it, and the tree."""
        self.branches.show(handle)
        self.tree.show(handle)
