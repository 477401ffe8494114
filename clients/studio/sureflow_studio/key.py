"""Asking for the API key of a server that wants one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from sureflow_client import SureflowError

from .session import Session


class KeyPanel:
    """A field for the key, which is kept by this page alone, until it is closed."""

    def __init__(self, session: Session, unlocked: Callable[[], Awaitable[None]]) -> None:
        self.session, self._unlocked = session, unlocked
        with ui.element("section").classes("panel key").props('aria-label="API key"'):
            ui.label("This server asks for an API key").classes("panel-title")
            ui.label("It is kept by this page alone, and forgotten when you close it.").classes(
                "soft small"
            )
            self.field = ui.input("API key", password=True).props("outlined dense autofocus")
            self.field.props('autocomplete="off" spellcheck="false"')
            self.field.props["aria-label"] = "API key"
            self.field.on("keydown.enter", self._try)
            self.said = ui.label().classes("key-said").props('role="alert"')
            enter = ui.button("Enter", on_click=self._try, color=None)
            enter.props("unelevated no-caps").classes("full main")

    async def _try(self) -> None:
        try:
            await self.session.unlock((self.field.value or "").strip())
        except SureflowError as error:
            self.said.text = getattr(error, "detail", "") or str(error)
            self.field.value = ""
        else:
            await self._unlocked()
