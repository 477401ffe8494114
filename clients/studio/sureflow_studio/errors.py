"""What went wrong, in words for whoever looks at the page."""

from __future__ import annotations

from nicegui import ui

from sureflow_client import APIConnectionError, ProblemError, SureflowError

from .reveal import reveal


class Notice:
    """A place on the page where errors are shown, and read out."""

    def __init__(self) -> None:
        self.box = ui.element("div").classes("notice").props('role="alert"')
        self.box.set_visibility(False)

    def say(self, words: str) -> None:
        """Show something that is no error of the server."""
        self._show(words, [], None)

    def show(self, error: SureflowError) -> None:
        """Show an error in place of the one before."""
        title, lines, reference = "Something went wrong", [("", str(error))], None
        if isinstance(error, ProblemError):
            title, reference = error.title or f"HTTP {error.status}", error.request_id
            lines = [(each.field, each.message) for each in error.errors] or [("", error.detail)]
        elif isinstance(error, APIConnectionError):
            title = "The server did not answer"
        self._show(title, lines, reference)

    def _show(self, title: str, lines: list[tuple[str, str]], reference: str | None) -> None:
        self.box.clear()
        with self.box:
            ui.icon("error_outline").classes("notice-icon")
            with ui.element("div").classes("grow"):
                ui.label(title).classes("notice-title")
                for field, message in filter(any, lines):
                    with ui.element("div").classes("notice-line"):
                        if field:
                            ui.label(f"{field}:").classes("mono")
                        ui.label(message)
                if reference:
                    ui.label(reference).classes("mono soft small")
            ui.button(icon="close", on_click=self.hide).props(
                'flat round dense aria-label="Dismiss"'
            )
        self.box.set_visibility(True)
        reveal(self.box)

    def hide(self) -> None:
        """Show nothing any more."""
        self.box.set_visibility(False)
