"""What went wrong, in words for whoever looks at the page."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import ui

from sureflow_client import APIConnectionError, ProblemError, SureflowError


@dataclass(frozen=True)
class Complaint:
    """What is said about an error.

    Attributes:
        title: The kind of trouble.
        lines: Pairs of a field, or ``""``, and what is wrong.
        reference: The server's name for the request, to find it in the log.
    """

    title: str
    lines: tuple[tuple[str, str], ...] = ()
    reference: str | None = None


def complaint(error: SureflowError) -> Complaint:
    """Return an error in words; fields of a problem document by name."""
    if isinstance(error, ProblemError):
        fields = tuple((each.field, each.message) for each in error.errors)
        lines = fields or ((("", error.detail),) if error.detail else ())
        return Complaint(error.title or f"HTTP {error.status}", lines, error.request_id)
    if isinstance(error, APIConnectionError):
        return Complaint("The server did not answer", (("", str(error)),))
    return Complaint("Something went wrong", (("", str(error)),))


class Notice:
    """A place on the page where errors are shown, and read out."""

    def __init__(self) -> None:
        self.box = ui.element("div").classes("notice").props('role="alert"')
        self.box.set_visibility(False)

    def show(self, error: SureflowError) -> None:
        """Show an error in place of the one before."""
        shown = complaint(error)
        self.box.clear()
        with self.box:
            ui.icon("error_outline").classes("notice-icon")
            with ui.element("div").classes("grow"):
                ui.label(shown.title).classes("notice-title")
                for field, message in shown.lines:
                    with ui.element("div").classes("notice-line"):
                        if field:
                            ui.label(f"{field}:").classes("mono")
                        ui.label(message)
                if shown.reference:
                    ui.label(shown.reference).classes("mono soft small")
            ui.button(icon="close", on_click=self.hide).props(
                'flat round dense aria-label="Dismiss"'
            )
        self.box.set_visibility(True)

    def hide(self) -> None:
        """Show nothing any more."""
        self.box.set_visibility(False)
