"""One sample as a small card that can be opened."""

from __future__ import annotations

from nicegui import ui
from nicegui.element import Element

from sureflow_client import Sample

from .colours import shade
from .run import Open
from .views.view import View

ORDER_ALONE = "~: at these settings confidence puts samples in order and is no share"


class Card:
    """A sample with its confidence; a button where it can be opened, for the keyboard to reach.

    Attributes:
        sample: What it shows.
        element: On the page.
    """

    def __init__(self, sample: Sample, view: View, name: str, on_open: Open | None) -> None:
        self.sample = sample
        opens = on_open is not None and sample.handle is not None
        self.element = ui.element("button" if opens else "div").classes("card")
        self.element.props["aria-label"] = f"{name}, {spoken(sample)}".lstrip(", ")
        if sample.confidence_holds is False:
            self.element.props["title"] = ORDER_ALONE
        if opens:
            self.element.props('type="button"').on("click", self._clicked)
        else:
            self.element.props('role="group"')
        self._open = on_open
        with self.element:
            show(sample, view)
            with ui.element("div").classes("meter"):
                share = 0.0 if sample.confidence is None else sample.confidence
                ui.element("div").style(f"width:{share:.1%};background:{shade(sample.confidence)}")
            with ui.element("div").classes("card-words tabular"):
                ui.label(short(sample))
                ui.label(name)

    def _clicked(self) -> object:
        # Awaited by whoever calls us.
        return None if self._open is None else self._open(self.sample)

    def dim(self, below: bool) -> None:
        """Step back, or come forward again."""
        self.element.classes(add="below" if below else "", remove="" if below else "below")


def show(sample: Sample, view: View) -> Element:
    """Show the sample itself, or why there is nothing."""
    if sample.data is None:
        return ui.label(missing(sample)).classes("card-picture card-blank")
    return view.card(sample)


def missing(sample: Sample) -> str:
    """Return why a sample has no data."""
    return sample.finish_reason if sample.decision is None else sample.decision.action_taken


def short(sample: Sample) -> str:
    """Return the confidence in a few characters; ``~`` says that it is no share."""
    if sample.confidence is None:
        return "–" if sample.uncertainty is None else f"u {sample.uncertainty:.3g}"
    return f"{'~' if sample.confidence_holds is False else ''}{sample.confidence:.2f}"


def spoken(sample: Sample) -> str:
    """Return the confidence in words."""
    if sample.confidence is None:
        return "confidence unknown"
    return f"confidence {sample.confidence:.2f}"
