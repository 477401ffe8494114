"""The galleries of which the server still keeps samples."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nicegui import ui
from nicegui.element import Element

from sureflow_client import SureflowError

from .ask import Ask
from .asked import ask_of, in_words
from .errors import Notice
from .place import Place
from .restore import MOST_HANDLES, Earlier, earlier
from .session import Session

MOST = 50
AT_ONCE = 8
"""Requests whose samples are fetched at the same time."""


@dataclass
class Row:
    """A request in the list, with what is still to come of it.

    Attributes:
        one: What the list of handles says.
        picture: Where one of its samples goes.
        asked: Where the words go of what it asked for.
        ask: What that was; ``None`` until it is known.
    """

    one: Earlier
    picture: Element
    asked: ui.label
    ask: Ask | None = None


class History:
    """A list in a dialog, from the server's handles, so that it outlives page and server.

    A request is shown by what it asked for and one of its samples, as soon as they are there.
    """

    def __init__(
        self, session: Session, notice: Notice, go: Callable[[Place], Awaitable[None]]
    ) -> None:
        self.session, self.notice, self._go = session, notice, go
        with ui.dialog() as self.dialog, ui.element("div").classes("panel history"):
            ui.label("History").classes("panel-title").props("role=heading aria-level=2")
            self.words = ui.label().classes("soft small")
            self.box = ui.element("div").classes("stack history-list")
        self.dialog.props('aria-label="History"')

    async def show(self) -> None:
        """Ask the server, and show what it has."""
        try:
            found = earlier(await self.session.client.handles(MOST_HANDLES))
        except SureflowError as error:
            self.notice.show(error)
            return
        self.words.text = (
            "Samples that the server keeps; each is gone when its time is over."
            if found
            else "The server keeps no samples at present."
        )
        self.box.clear()
        with self.box:
            rows = [self._row(one) for one in found[:MOST]]
        self.dialog.open()
        door = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._fill(row, door) for row in rows))

    def _row(self, one: Earlier) -> Row:
        async def open() -> None:
            self.dialog.close()
            if row.ask is None:  # the visitor was quicker
                await self._fill(row, asyncio.Semaphore())
            await self._go(Place((one.request,), row.ask))

        count = len(one.handles)
        words = f"{one.model} · {count} {'sample' if count == 1 else 'samples'} · {_when(one)}"
        with ui.element("button").props('type="button"').classes("history-row") as button:
            picture = ui.element("div").classes("history-picture")
            with ui.element("div").classes("history-words"):
                ui.label(words)
                asked = ui.label().classes("soft small")
        button.on("click", open)
        row = Row(one, picture, asked)
        return row

    async def _fill(self, row: Row, door: asyncio.Semaphore) -> None:
        """Show what a request asked for, and one of its samples, if they are still there."""
        async with door:
            try:
                handle = await self.session.client.handle(row.one.handles[-1])
            except SureflowError:
                return
        if row.picture.is_deleted:  # the list has been opened anew
            return
        with row.picture:
            if handle.sample.data is not None:
                self.session.view(handle.model).thumbnail(handle.sample)
        row.ask, row.asked.text = ask_of(handle.asked), in_words(handle.asked)


def _when(one: Earlier) -> str:
    return f"{one.at.astimezone():%d %b %H:%M:%S}"
