"""What the server says of the samples of a request together: numbers, and warnings."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from sureflow_client import Completed

ERROR = "_error"
"""Ends the name of the standard error of a number."""


class Summary:
    """A line of numbers, and what speaks against the samples; nothing where there is neither."""

    def __init__(self) -> None:
        with ui.element("div").classes("summary").props("role=status") as self.box:
            self.numbers = ui.label().classes("tabular summary-numbers")
            self.warnings = ui.element("ul").classes("summary-warnings small")
        self.box.set_visibility(False)

    def show(self, ends: Sequence[Completed]) -> None:
        """Show what was said at the end of requests."""
        numbers = [in_words(end) for end in ends if end.summary]
        warnings = [warning for end in ends for warning in end.warnings]
        self.box.set_visibility(bool(numbers or warnings))
        self.numbers.text = "; ".join(numbers)
        self.warnings.clear()
        with self.warnings:
            for warning in warnings:
                with ui.element("li"):
                    ui.label(warning)


def in_words(end: Completed) -> str:
    """Return the numbers of a request by name, each with its standard error where it has one."""
    found = end.summary or {}
    said = []
    for name, value in found.items():
        if name.endswith(ERROR) and name.removesuffix(ERROR) in found:
            continue
        error = found.get(f"{name}{ERROR}")
        words = "unknown" if value is None else f"{value:.4g}"
        said.append(f"{name} {words}" + ("" if error is None else f" ± {error:.2g}"))
    return " · ".join(said)
