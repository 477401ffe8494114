"""A sample that waits for a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from sureflow_client import Proposed

from .views.view import View


class ProposedView:
    """Shows a sample without saying how sure the model is of it."""

    def __init__(self) -> None:
        self.label = ui.label().classes("panel-title")
        self.box = ui.element("div").classes("stack review-shown")

    def say(self, words: str) -> None:
        """Say why there is no sample."""
        self.label.text = words
        self.box.clear()

    def show(self, sample: Proposed, others: Sequence[Proposed], view: View) -> None:
        """Show a sample, among others that wait or have had a verdict."""
        self.say(sample.label or "Good or bad?")
        with self.box:
            view.review(sample, others)
