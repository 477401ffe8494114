"""The galleries of which the server still keeps samples."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from sureflow_client import SureflowError

from .errors import Notice
from .place import Place
from .restore import MOST_HANDLES, Earlier, earlier
from .session import Session

MOST = 50


class History:
    """A list in a dialog, from the server's handles, so that it outlives page and server."""

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
            for one in found[:MOST]:
                self._row(one)
        self.dialog.open()

    def _row(self, one: Earlier) -> None:
        async def open() -> None:
            self.dialog.close()
            await self._go(Place((one.request,)))

        count = len(one.handles)
        words = f"{one.model} · {count} {'sample' if count == 1 else 'samples'} · {_when(one)}"
        button = ui.button(words, icon="history", on_click=open, color=None)
        button.props("flat no-caps align=left").classes("full")


def _when(one: Earlier) -> str:
    return f"{one.at.astimezone():%d %b %H:%M:%S}"
