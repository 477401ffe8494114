"""The address bar, the way back, and the key Escape of a visitor's browser."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from nicegui import Client, ui
from nicegui.events import GenericEventArguments

from .place import Place

LISTENERS = (Path(__file__).parent / "browser.js").read_text()


class Browser:
    """Goes to places, and hears of it when the visitor does.

    Attributes:
        place: What the address says.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.place = Place.of(client.request.url.query if client.request else "")

    def listen(
        self, went: Callable[[Place], Awaitable[None]], escaped: Callable[[], object]
    ) -> None:
        """Call these when the visitor goes back or forward, and at Escape."""

        async def gone(event: GenericEventArguments) -> None:
            query = event.args if isinstance(event.args, str) else ""
            self.place = Place.of(query)
            await went(self.place)

        ui.on("sureflow_went", gone)
        ui.on("sureflow_escape", lambda _: escaped())
        self.client.run_javascript(LISTENERS)

    def go(self, place: Place) -> None:
        """Put another address in front of the one before, from which Back leads to that."""
        self._put("pushState", place)

    def stay(self, place: Place) -> None:
        """Mend the address."""
        self._put("replaceState", place)

    def _put(self, how: str, place: Place) -> None:
        if place != self.place:
            self.place = place
            address = json.dumps(place.query())
            self.client.run_javascript(f"history.{how}(null, '', {address} || location.pathname)")
