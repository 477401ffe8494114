"""What the server does with samples that it is not sure enough of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from sureflow_client import Filter

from .fields import select, slider

KEEP = "none"

ACTIONS = {
    KEEP: "Keep",
    "annotate": "Mark",
    "drop": "Drop",
    "regenerate": "Regenerate",
}


class FilterPanel:
    """The server's own filter."""

    def __init__(self) -> None:
        self.action = select(ACTIONS, "Unsure samples", KEEP, self._fit)
        with ui.element("div").classes("stack").style("gap:0") as self.bounded:
            self.least = slider("Least confidence", 0, 1, 0.01, 0.3, "{:.2f}")
            self.early = ui.switch("Stop early what cannot pass")
        self._fit()

    def options(self) -> Filter | None:
        """Return what a request says of it; ``None`` if all samples are kept."""
        if self.action.value == KEEP:
            return None
        wanted: Filter = {"min": self.least.value, "action": self.action.value}
        if self.early.value:
            wanted["early"] = True
        return wanted

    def take(self, wanted: Mapping[str, Any]) -> None:
        """Choose what an earlier :meth:`options` returned."""
        action = wanted.get("action", KEEP)
        self.action.value = action if action in ACTIONS else KEEP
        self.least.value = float(wanted.get("min", self.least.value))
        self.early.value = bool(wanted.get("early"))

    def _fit(self) -> None:
        self.bounded.set_visibility(self.action.value != KEEP)
