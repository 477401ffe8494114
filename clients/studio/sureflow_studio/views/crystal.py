"""Crystals: a cell with its atoms that can be turned, and a table of the sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any, ClassVar

from nicegui import ui
from nicegui.element import Element

from sureflow_client import MissingData, Sample, Structure, Trajectory

from ..pictures import Floats, address
from ..scene import CrystalScene
from ..sites import doubts, structure_at, table
from .view import Show, Shown, Stage, View, image_of, picture


class CrystalStage(Stage):
    """The cell at a time, or what it is heading for, and its sites with what is unsure of them."""

    both: ClassVar[bool] = True
    doubt: ClassVar[str] = "Unsure sites"

    def __init__(self, sample: Shown) -> None:
        self.own = sample.structure()
        self.scene = CrystalScene(address(sample.image()))
        self.said = ui.label().classes("small tabular")
        self.table = ui.html("", sanitize=False)

    def end(self, sample: Shown) -> None:
        """Show the finished crystal."""
        self._draw(self.own, _doubts_of(sample))

    def follow(self, trajectory: Trajectory) -> None:
        """Take in a trajectory, of tables."""
        self.tables: Mapping[Show, Floats] = {
            "state": trajectory.states(),
            "prediction": trajectory.predictions(),
        }
        self.maps = trajectory.maps()

    def show(self, place: int, kind: Show, doubt: bool) -> None:
        """Show one time; the end has the doubt that there was just before."""
        crystal = structure_at(self.tables[kind][place], self.own.species)
        before = min(place, max(len(self.maps) - 2, 0))
        self._draw(crystal, doubts(self.maps[before]) if doubt else None)

    def _draw(self, crystal: Structure, unsure: Floats | None) -> None:
        self.scene.show(crystal, unsure)
        lengths = ", ".join(f"{length:.2f}" for length in crystal.lengths)
        angles = ", ".join(f"{angle:.0f}" for angle in crystal.angles)
        self.said.text = f"{crystal.formula} · a, b, c = {lengths} Å · α, β, γ = {angles}°"
        self.table.content = table(crystal, unsure)


class CrystalView(View):
    """Cells with atoms."""

    options: ClassVar[Mapping[str, Any]] = {"map": True}

    def card(self, sample: Shown) -> Element:
        """Show a picture and the formula."""
        with ui.element("div").classes("card-crystal") as card:
            image_of(address(sample.image()))
            ui.label(sample.structure().formula).classes("card-point mono")
        return card

    def thumbnail(self, sample: Shown) -> Element:
        """Show the picture."""
        return image_of(address(sample.image()))

    def html(self, sample: Shown) -> str:
        """Return picture and formula as HTML."""
        return f"{picture(sample)}<code>{escape(sample.structure().formula)}</code>"

    def stage(self, sample: Shown, moved: Callable[[], None]) -> Stage:
        """Make room for a cell."""
        return CrystalStage(sample)


def _doubts_of(sample: Shown) -> Floats | None:
    """What is unsure of each site of a finished sample, where its map is there."""
    try:
        return doubts(sample.map_array()) if isinstance(sample, Sample) else None
    except MissingData:
        return None
