"""The page: what is where, and what happens when."""

from __future__ import annotations

import asyncio

from nicegui import ui

from sureflow_client import AuthenticationError, NotReady, Sample, SureflowError

from . import theme
from .ask import Ask
from .bench import Bench
from .browser import Browser
from .coverage import CoveragePanel
from .errors import Notice
from .galleries import Galleries
from .gallery import Gallery
from .generate import GeneratePanel
from .group import Group
from .history import History
from .key import KeyPanel
from .place import Place
from .review import ReviewPanel
from .run import Run
from .session import Session
from .waiting import waiting

CONNECT_S = 30.0
"""Given to a browser to load what the page needs."""

PAUSE_S = 1.0

GONE = "The server no longer keeps these samples."
AGAIN = " Generate makes them again, byte for byte as long as the model is the same."


class Page:
    """One visitor's page."""

    def __init__(self, address: str) -> None:
        self.session = Session(address)
        self.galleries = Galleries(self.session, self._heard, self._ended)

    async def build(self) -> None:
        """Show the bar at once, and the rest when there is a browser that speaks to us."""
        theme.style()
        self.tools = _bar()
        client = ui.context.client
        client.on_delete(self._leave)
        self.browser = Browser(client)
        self.root = ui.element("div")
        await client.connected(timeout=CONNECT_S)
        with self.root:
            await self._enter()

    async def _enter(self) -> None:
        """Show the panels, or ask for a key first."""
        self.root.clear()
        with self.root:
            self.notice = Notice()
        try:
            await self._load()
        except AuthenticationError:
            with self.root:
                KeyPanel(self.session, self._panels)
        except SureflowError as error:
            self.notice.show(error)
            with self.root:
                ui.button("Try again", icon="refresh", on_click=self._enter).props("outline")
        else:
            await self._panels()

    async def _load(self) -> None:
        """Wait for a server that is still loading its models."""
        with self.root:
            shown = waiting("The server is loading its models")
        shown.set_visibility(False)
        while not self.root.is_deleted:
            try:
                await self.session.load()
                break
            except NotReady:
                shown.set_visibility(True)
                await asyncio.sleep(PAUSE_S)
        shown.delete()

    async def _panels(self) -> None:
        self.root.clear()
        if not self.session.models:
            with self.root, ui.element("div").classes("empty"):
                ui.label("No model is loaded").classes("empty-title")
                ui.button("Look again", icon="refresh", on_click=self._enter).props("outline")
            return
        with self.root:
            self._build()
            place = self.browser.place
            if place.ask is not None:
                self.panel.take(place.ask)
            await self._show(place)

    def _build(self) -> None:
        with ui.element("div").classes("notices"):
            self.notice = Notice()
        self.history = History(self.session, self.notice, self._reopen)
        with ui.element("div").classes("studio") as self.front:
            self.panel = GeneratePanel(
                self.session.models, self.session.default, self._generate, self._stop
            )
            self.gallery = Gallery(self._open, self._moved, self.history.show)
            self.coverage = CoveragePanel()
        self.bench = Bench(self.session, self.notice, self._open, self._back)
        self.review = ReviewPanel(self.session, self.notice, self._reviewing, self._leave_review)
        self.tools.clear()
        with self.tools:
            ui.button("Review", icon="rule", on_click=self._review).props("flat dense no-caps")
        self.browser.listen(self._show, self._escaped)

    async def _show(self, place: Place) -> None:
        """Show what an address says, as far as it is there."""
        self.notice.hide()
        self.bench.hide()
        self.review.hide()
        self.front.set_visibility(place.sample is None and place.review is None)
        if place.review is not None:
            await self.review.show(place.review)
        elif place.sample is not None:
            await self.bench.show(place.sample)
        try:
            group = await self.galleries.at(place)
        except SureflowError as error:
            self.notice.show(error)
            return
        # Somebody may have gone elsewhere meanwhile.
        if place.requests == self.browser.place.requests:
            self._on_show(group)
            if place.requests and group is None:
                self.notice.say(GONE + (AGAIN if place.ask is not None else ""))

    async def _visit(self, place: Place) -> None:
        """Go where the visitor has chosen to go."""
        self.browser.go(place)
        await self._show(place)

    async def _reopen(self, place: Place) -> None:
        """Go to an earlier gallery, and to what was asked for there."""
        await self._visit(place)
        group = self.gallery.group
        if group is not None and group.ask is not None and group.place.requests == place.requests:
            self.panel.take(group.ask)
            self.browser.stay(group.place)

    def _on_show(self, group: Group | None) -> None:
        if group is not self.gallery.group:
            self.gallery.show(group)
        self.panel.busy(self.galleries.under_way(group))

    async def _generate(self, ask: Ask) -> None:
        """Send what was asked for; what is on show stays until the server has taken it."""
        self.notice.hide()
        self.panel.busy(True)
        try:
            group = await self.galleries.ask(ask)
        except SureflowError as error:
            self.notice.show(error)
            group = None
        self._on_show(group or self.gallery.group)
        if group is not None:
            self.browser.go(group.place)

    def _heard(self, group: Group, run: Run, sample: Sample | None) -> None:
        self.gallery.heard(group, run, sample)

    def _ended(self, group: Group, error: SureflowError | None) -> None:
        if self.root.is_deleted or group is not self.gallery.group:
            return
        if error is not None:
            self.notice.show(error)
        self.gallery.ended(group)
        self.panel.busy(False)

    async def _stop(self) -> None:
        if self.gallery.group is not None:
            await self.galleries.stop(self.gallery.group)

    def _moved(self) -> None:
        """The threshold has moved, or another sample is there."""
        if hasattr(self, "coverage"):
            self.coverage.show(self.gallery.group, self.gallery.threshold)

    async def _open(self, sample: Sample) -> None:
        if sample.handle is not None:
            self.browser.go(self.browser.place.opened(sample.handle.id))
            self.front.set_visibility(False)
            await self.bench.show(sample.handle.id)

    async def _back(self) -> None:
        """Go from a sample to the gallery."""
        await self._visit(self.browser.place.opened(None))

    async def _review(self) -> None:
        """Show samples that wait for a verdict, in place of all else."""
        await self._visit(self.browser.place.reviewed(self.panel.model.name))

    def _reviewing(self, model: str) -> None:
        """Another model is reviewed."""
        self.browser.stay(self.browser.place.reviewed(model))

    async def _leave_review(self) -> None:
        await self._visit(self.browser.place.reviewed(None))

    async def _escaped(self) -> None:
        if self.review.visible:
            await self._leave_review()
        elif self.bench.handle is not None:
            await self._back()

    async def _leave(self) -> None:
        """The browser is gone."""
        await self.galleries.close()
        await self.session.close()


def _bar() -> ui.element:
    """Show the bar, and return where buttons of the page belong."""
    with ui.element("header").classes("bar"):
        with ui.element("div").classes("brand").props("role=heading aria-level=1"):
            ui.html("Sureflow <span class='brand-part'>Studio</span>", sanitize=False)
        ui.element("div").classes("grow")
        tools = ui.element("div")
        ui.link("API", "/docs").props('target="_blank"')
        theme.ThemeButton()
    return tools
