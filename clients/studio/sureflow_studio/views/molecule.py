"""Molecules: a drawing above the tokens, and whether the text means one."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import cache, lru_cache
from threading import Thread

from nicegui import ui
from nicegui.element import Element

from sureflow_client import Model, NotAnImage, molecule_svg

from ..tokens import END, UNKNOWN
from .text import TextStage, TextView
from .view import Show, Shown, Stage, image_of

INVALID = "not a valid molecule"
DRAWINGS = 1024
"""Kept, of the latest molecules."""


class MoleculeStage(TextStage):
    """The drawing of what the text is heading for, and its tokens."""

    def __init__(self) -> None:
        with ui.element("div").classes("stage molecule"):
            self.picture = ui.element("img").classes("molecule-picture")
            self.invalid = ui.label(INVALID).classes("molecule-invalid small")
        super().__init__()

    def end(self, sample: Shown) -> None:
        """Show the finished molecule."""
        self._draw(sample.smiles())
        super().end(sample)

    def show(self, place: int, kind: Show, doubt: bool) -> None:
        """Show one time: the drawing of what is known and likely there."""
        super().show(place, kind, doubt)
        self._draw(_text(self.likely[place].tolist()))

    def _draw(self, smiles: str) -> None:
        source = picture_of(smiles)
        self.picture.set_visibility(bool(source))
        self.invalid.set_visibility(source is None)
        if source:
            self.picture.props["src"], self.picture.props["alt"] = source, f"Drawing of {smiles}"
            self.picture.update()


class MoleculeView(TextView):
    """Sequences that are SMILES."""

    def __init__(self, model: Model | None) -> None:
        super().__init__(model)
        _get_ready()

    def card(self, sample: Shown) -> Element:
        """Show the drawing and the tokens, or that there is no such molecule."""
        source = picture_of(sample.smiles())
        with ui.element("div").classes("card-molecule") as card:
            if source:
                image_of(source).classes("molecule-picture")
            elif source is None:
                ui.label(INVALID).classes("card-picture card-blank")
            super().card(sample)
        return card

    def thumbnail(self, sample: Shown) -> Element:
        """Show the drawing, if there is one."""
        source = picture_of(sample.smiles())
        return image_of(source) if source else super().thumbnail(sample)

    def html(self, sample: Shown) -> str:
        """Return drawing and tokens as HTML."""
        source = picture_of(sample.smiles())
        drawn = f'<img src="{source}" alt="">' if source else f"<p>{INVALID}</p>"
        return ("" if source == "" else drawn) + super().html(sample)

    def stage(self, sample: Shown, moved: Callable[[], None]) -> Stage:
        """Make room for a drawing and a line of tokens."""
        return MoleculeStage()


@lru_cache(DRAWINGS)
def picture_of(smiles: str) -> str | None:
    """Return a drawing as a ``data:`` address.

    ``None`` if the text means no molecule, and empty where nobody can draw it.
    """
    try:
        drawn = molecule_svg(smiles)
    except NotAnImage:
        return ""
    if drawn is None:
        return None
    return f"data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()}"


@cache
def _get_ready() -> None:
    """Let RDKit be imported, which takes a moment, beside what answers others."""
    Thread(target=picture_of, args=("C",), daemon=True).start()


def _text(codes: list[int]) -> str:
    """The text of code points up to the end, or to a token that is not known."""
    end = next((at for at, code in enumerate(codes) if code in (END, UNKNOWN)), len(codes))
    return "".join(map(chr, codes[:end]))
