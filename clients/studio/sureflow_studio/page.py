"""The page: what is where, and what happens when."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from nicegui import ui

from sureflow_client import (
    AuthenticationError,
    Completed,
    NotReady,
    Queued,
    Sample,
    SampleEvent,
    SureflowError,
)

from . import theme
from .bench import Bench
from .coverage import CoveragePanel
from .errors import Notice
from .family import Member
from .gallery import Gallery
from .generate import GeneratePanel
from .key import KeyPanel
from .recipe import generated
from .run import Run
from .session import Session
from .waiting import waiting

CONNECT_S = 30.0
"""Given to a browser to load what the page needs."""

PAUSE_S = 1.0


class Page:
    """One visitor's page."""

    def __init__(self, address: str) -> None:
        self.session = Session(address)
        self.task: asyncio.Task[None] | None = None

    async def build(self) -> None:
        """Show the bar at once, and the rest when there is a browser that speaks to us."""
        theme.style()
        _bar()
        client = ui.context.client
        client.on_delete(self._leave)
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
            self._panels()

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

    def _panels(self) -> None:
        self.root.clear()
        if not self.session.models:
            with self.root, ui.element("div").classes("empty"):
                ui.label("No model is loaded").classes("empty-title")
                ui.button("Look again", icon="refresh", on_click=self._enter).props("outline")
            return
        with self.root:
            with ui.element("div").classes("notices"):
                self.notice = Notice()
            with ui.element("div").classes("studio") as self.front:
                self.panel = GeneratePanel(
                    self.session.models, self.session.default, self._generate, self._stop
                )
                self.gallery = Gallery(self._open, self._moved)
                self.coverage = CoveragePanel()
            self.bench = Bench(self.session, self.notice, self._back)

    async def _generate(self, run: Run) -> None:
        """Ask for samples and show them as they come; one request at a time."""
        if self.task is not None and not self.task.done():
            return
        self.task = asyncio.ensure_future(self._stream(run))
        try:
            await self.task
        except asyncio.CancelledError:
            self.gallery.end(f"stopped after {len(run.samples)}")
        except SureflowError as error:
            self.notice.show(error)
            self.gallery.end("" if not run.samples else f"broke off after {len(run.samples)}")
        finally:
            self.panel.busy(False)

    async def _stream(self, run: Run) -> None:
        self.notice.hide()
        self.panel.busy(True)
        self.gallery.begin(run)
        events = self.session.client.stream(run.model.name, run.n, **run.options)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Queued):
                    run.seed, run.version = event.seed, event.model_version
                elif isinstance(event, SampleEvent):
                    self._arrived(run, event.sample)
                elif isinstance(event, Completed):
                    self.gallery.end(_came_to(run, event))

    def _arrived(self, run: Run, sample: Sample) -> None:
        self.gallery.add(sample)
        if sample.handle is not None:
            made = generated(run.model.name, run.version, run.options, sample)
            self.session.family.add(
                Member(sample.handle.id, run.model.name, sample=sample, recipe=made)
            )

    def _stop(self) -> None:
        if self.task is not None and not self.task.done():
            self.task.cancel()

    def _moved(self) -> None:
        """The threshold has moved, or another sample is there."""
        if hasattr(self, "coverage") and self.gallery.run is not None:
            self.coverage.show(self.gallery.run, self.gallery.threshold)

    async def _open(self, sample: Sample) -> None:
        self.front.set_visibility(False)
        await self.bench.open(sample)

    def _back(self) -> None:
        self.front.set_visibility(True)

    async def _leave(self) -> None:
        """The browser is gone: hang up, so that the server stops working."""
        self._stop()
        if self.task is not None:
            await asyncio.wait([self.task])
        await self.session.close()


def _bar() -> None:
    with ui.element("header").classes("bar"):
        with ui.element("div").classes("brand"):
            ui.html("Sureflow <span class='brand-part'>Studio</span>", sanitize=False)
        ui.element("div").classes("grow")
        ui.link("API", "/docs").props('target="_blank"')
        theme.ThemeButton()


def _came_to(run: Run, event: Completed) -> str:
    usage = event.usage
    saved = f", {usage.evaluations_saved} spared" if usage.evaluations_saved else ""
    return f"seed {run.seed} · {usage.compute_s:.1f} s · {usage.evaluations} evaluations{saved}"
