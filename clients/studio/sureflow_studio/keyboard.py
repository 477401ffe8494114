"""Arrows between samples, in the browser, so that they answer at once."""

from __future__ import annotations

from pathlib import Path

from nicegui.element import Element

ARROWS = (Path(__file__).parent / "arrows.js").read_text()


def walkable(box: Element) -> None:
    """Let the arrow keys, Home and End move between the cards of a box."""
    box.on("keydown", js_handler=ARROWS)


def focus(element: Element) -> None:
    """Put the focus on an element, so that the keyboard goes on from there."""
    element.client.run_javascript(f"getHtmlElement({element.id})?.focus({{preventScroll: true}})")
