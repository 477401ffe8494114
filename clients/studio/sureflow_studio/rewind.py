"""The panel by which a trajectory is taken back and redirected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from nicegui import ui

from sureflow_client import Model, Sample

from .fields import Form, number, select, shown, slider
from .pictures import Mask
from .plan import Choice, factors
from .viewer import Viewer

PICTURED = ("resample", "condition", "inpaint", "guide")
"""Operations with tools of their own; of any other one the numbers and words are asked for."""

BESIDE = 0.5
"""Share of the noise that is drawn anew beside an operation that does something else as well."""

KINDS = {
    "resample": "Resample",
    "inpaint": "Keep the rest",
    "condition": "Change the class",
    "guide": "Guide to a shape",
}
"""What ours are called."""

WHERE = {"all": "Everywhere", "unsure": "Unsure part", "painted": "Painted part"}
SAME = -1
MOST = 16


class RewindPanel:
    """Operation, part, strength, branches, and the button."""

    def __init__(
        self, model: Model, sample: Sample, viewer: Viewer, rewind: Callable[[], Awaitable[None]]
    ) -> None:
        self.model, self.sample, self.viewer = model, sample, viewer
        self.schemas: dict[str, Any] = (model.schemas or {}).get("operations", {})
        offered = [*(model.operations or ())]
        self.draws = "resample" in offered
        if not model.classes and "condition" in offered:
            offered.remove("condition")
        parts = {**WHERE}
        if viewer.canvas is None:
            del parts["painted"]
        with ui.element("section").classes("panel rewind").props('aria-label="Rewind"'):
            ui.label("Rewind").classes("panel-title")
            self.when = ui.label().classes("tabular rewind-when")
            kinds = {kind: KINDS.get(kind, kind.capitalize()) for kind in offered}
            self.kind = select(kinds, "Operation", offered[0], self._turned)
            self.words = ui.label().classes("soft small")
            self.others = ui.element("div").classes("pair")
            self.where = select(parts, "Region", "all", self.fit)
            self.share = slider("Share", 0.05, 1, 0.05, 0.2, "{:.0%}", self.fit)
            self._brush()
            self._condition()
            self.factor = self._coarse()
            self.target = self._point()
            self.pull = slider("Guide strength", 0.05, 1, 0.05, self._usual("guide"), "{:.2f}")
            self.fresh = slider("Resample strength", 0, 1, 0.05, 1, "{:.0%}")
            self.branches = slider("Branches", 1, MOST, 1, 4, "{:.0f}")
            self.button = ui.button("Rewind", icon="history", on_click=rewind, color=None)
            self.button.props("unelevated no-caps").classes("full main")
        self._turned()

    def choice(self) -> Choice:
        """Return what has been chosen."""
        kind = self.kind.value
        label = None if self.label.value == SAME else (self.model.classes or ())[self.label.value]
        conditional = kind in ("condition", "guide") and bool(self.model.classes)
        return Choice(
            kind,
            where="all" if kind == "guide" else self.where.value,
            mask=self._mask(),
            share=self.share.value,
            fresh=self.fresh.value if self.draws else 0.0,
            pull=self.pull.value,
            branches=int(self.branches.value),
            label=label if conditional else None,
            scale=self.scale.value if conditional and self.rescale.value else None,
            factor=int(self.factor.value or 1),
            target=self._target(),
            other=None if kind in PICTURED else self.form.values(),
        )

    def fit(self) -> None:
        """Offer what goes together."""
        kind, where, canvas = self.kind.value, self.where.value, self.viewer.canvas
        pulling, partly = kind == "guide", kind != "guide" and self.draws
        painting = partly and where == "painted"
        self.where.set_visibility(partly)
        shown(self.share, partly and where == "unsure")
        shown(self.fresh, self.draws)
        self.brush_row.set_visibility(painting)
        self.conditional.set_visibility(kind in ("condition", "guide") and bool(self.model.classes))
        shown(self.scale, bool(self.rescale.value))
        self.factor.set_visibility(pulling and canvas is not None)
        self.target_row.set_visibility(pulling and canvas is None)
        shown(self.pull, pulling)
        if canvas is not None:
            canvas.paint(painting)
        self.moved()

    def _turned(self) -> None:
        """Begin with another operation."""
        kind = self.kind.value
        schema = self.schemas.get(kind, {})
        self.words.text = schema.get("description", "").partition("\n\n")[0].replace("`", "")
        self.others.clear()
        self.others.set_visibility(kind not in PICTURED)
        with self.others:
            self.form = Form({} if kind in PICTURED else schema, {}, {})
        alone = kind in ("resample", "inpaint")
        self.fresh.value = self._usual("resample") if alone else BESIDE
        if kind == "inpaint" and self.where.value == "all":
            self.where.value = "unsure"
        self.fit()

    def _usual(self, kind: str) -> float:
        """Strength of an operation, unless another one is chosen."""
        members = self.schemas.get(kind, {}).get("properties", {})
        return float(members.get("strength", {}).get("default", 1))

    def moved(self) -> None:
        """Say from when on; the end is left at the commit point."""
        where = "From the commit point," if self.viewer.at_end else "From"
        self.when.text = f"{where} t = {self.viewer.t:.2f} (step {self.viewer.step})"

    def _mask(self) -> Mask | None:
        if self.kind.value == "guide":
            return None
        if self.where.value == "unsure":
            return self.viewer.unsure(self.share.value)
        canvas = self.viewer.canvas
        return canvas.mask if self.where.value == "painted" and canvas is not None else None

    def _target(self) -> Any:
        if self.viewer.canvas is not None:
            return self.viewer.end
        return np.array([field.value or 0.0 for field in self.target], dtype=np.float32)

    def _brush(self) -> None:
        with ui.element("div").classes("stack") as self.brush_row:
            self.brush = slider("Brush", 0, 6, 0.5, 2, "{:g} px", self._brushed)
            with ui.element("div").classes("row-line tight"):
                self.erase = ui.switch("Erase", on_change=self._brushed).props("dense")
                ui.button("Clear", on_click=self._clear).props("flat dense no-caps")
                ui.button("Paint the unsure 20 %", on_click=self._unsure).props(
                    "flat dense no-caps"
                )

    def _brushed(self) -> None:
        if self.viewer.canvas is not None:
            self.viewer.canvas.brush = float(self.brush.value)
            self.viewer.canvas.erasing = bool(self.erase.value)

    def _clear(self) -> None:
        if self.viewer.canvas is not None:
            self.viewer.canvas.replace(np.zeros_like(self.viewer.canvas.mask))

    def _unsure(self) -> None:
        if self.viewer.canvas is not None:
            self.viewer.canvas.replace(self.viewer.unsure(0.2))

    def _condition(self) -> None:
        classes = dict(enumerate(self.model.classes or ()))
        with ui.element("div").classes("stack") as self.conditional:
            self.label = select({SAME: "Same class", **classes}, "New class", SAME)
            self.rescale = ui.switch("Change guidance", on_change=self.fit).props("dense")
            self.scale = slider("Guidance", 1, 10, 0.5, 3, "{:g}")

    def _coarse(self) -> ui.select:
        shape = self.sample.shape
        sizes = factors(*shape[1:]) if len(shape) == 3 else []
        options = {size: f"Means of {size} × {size} pixels" for size in sizes}
        return select(options, "Coarse shape to keep", sizes[-1] if sizes else None)

    def _point(self) -> list[ui.number]:
        end = self.viewer.end
        with ui.element("div").classes("pair") as self.target_row:
            if self.viewer.canvas is not None:
                return []
            return [
                number(f"x{i + 1}", round(float(x), 2), None, None, whole=False).props("step=0.1")
                for i, x in enumerate(end)
            ]
