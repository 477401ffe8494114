"""For keyboards and screen readers: arrows between samples, the focus, names of pictures."""

from __future__ import annotations

import json
from pathlib import Path

from nicegui.element import Element

ARROWS = (Path(__file__).parent / "arrows.js").read_text()


def walkable(box: Element) -> None:
    """Let the arrow keys, Home and End move between the cards of a box."""
    box.on("keydown", js_handler=ARROWS)


def focus(element: Element) -> None:
    """Put the focus on an element, so that the keyboard goes on from there."""
    element.client.run_javascript(f"getHtmlElement({element.id})?.focus({{preventScroll: true}})")


def name(picture: Element, words: str) -> None:
    """Say what a picture shows, where its element has no way to."""
    element = f"getHtmlElement({picture.id})?.querySelector('img')"
    picture.client.run_javascript(f"{element}?.setAttribute('alt', {json.dumps(words)})")
