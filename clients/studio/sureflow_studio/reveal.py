"""Parts of the page that are brought on a screen which is too small for all of it."""

from __future__ import annotations

from nicegui.element import Element


def reveal(element: Element) -> None:
    """Scroll to an element as soon as it is drawn, if it is not on the screen."""
    element.client.run_javascript(
        f"requestAnimationFrame(() => getHtmlElement({element.id})"
        "?.scrollIntoView({block: 'nearest'}))"
    )
