"""The panel by which a trajectory is taken back and redirected."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from nicegui import ui

from sureflow_client import Model, Sample

from .fields import Form, number, select, shown, slider
from .generate import prompted
from .pictures import Mask
from .plan import Choice, Where, factors
from .viewer import Viewer
from .views.plane import PlaneStage

PICTURED = {"resample": "strength", "condition": "scale", "inpaint": "mask", "guide": "operator"}
"""Operations with tools of their own, and a member that is the mark of those that these know; of
any other one the numbers and words are asked for."""

HOLD = "hold"
"""Keeps a part as it is; where it takes a mask, that is the rest of the region."""

MOST_NUMBERS = 12
"""Components of a point for which there are fields."""

BESIDE = 0.5
"""Share of the noise that is drawn anew beside an operation that does something else as well."""

KINDS = {
    "resample": "Resample",
    "inpaint": "Keep the rest",
    HOLD: "Hold",
    "condition": "Change the class",
    "guide": "Guide to a shape",
}
"""What ours are called."""

UNCERTAIN = '"uncertain"'
"""Member of a region by which the least sure part is said by its share."""

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
        self.text = prompted(model)
        if not (model.classes or self.text) and "condition" in offered:
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
            self.regions = self._takes("resample", "region")
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
        """Return what has been chosen.

        Raises:
            ValueError: Numbers are not written as such.
        """
        kind = self.kind.value
        label = None if self.label.value == SAME else (self.model.classes or ())[self.label.value]
        conditional = kind in ("condition", "guide") and bool(self.model.classes)
        other = self.prompt.value.strip()
        mask = self._mask()
        return Choice(
            kind,
            where=self._where,
            mask=mask,
            share=self.share.value,
            fresh=self.fresh.value if self.draws else 0.0,
            pull=self.pull.value,
            branches=int(self.branches.value),
            label=label if conditional else None,
            scale=self.scale.value if conditional and self.rescale.value else None,
            factor=int(self.factor.value or 1),
            target=self._target(),
            prompt=(self.text, other) if self.text and other and kind == "condition" else None,
            regions=self.regions,
            by_mask=UNCERTAIN not in json.dumps(self.schemas.get("resample", {})),
            other=None if self._pictured(kind) else self._other(kind, mask),
        )

    def _other(self, kind: str, mask: Mask | None) -> dict[str, Any]:
        """Members of an operation without tools of its own."""
        found = self.form.values()
        if kind == HOLD and mask is not None and self._takes(kind, "mask"):
            found["mask"] = (~mask).astype(int).tolist()
        if kind == "guide" and self._takes(kind, "target"):
            found["target"] = self._target().tolist()
        return found

    def _takes(self, kind: str, member: str) -> bool:
        """Whether an operation has such a member."""
        return member in self.schemas.get(kind, {}).get("properties", {})

    def _pictured(self, kind: str) -> bool:
        """Whether the page has tools of its own for an operation."""
        return kind in PICTURED and self._takes(kind, PICTURED[kind])

    @property
    def _where(self) -> Where:
        """Where it applies, if it can apply somewhere alone."""
        alone = self.kind.value != "guide" and self.draws and self.regions
        return self.where.value if alone else "all"

    def fit(self) -> None:
        """Offer what goes together."""
        kind, where, canvas = self.kind.value, self.where.value, self.viewer.canvas
        pulling, partly = kind == "guide", kind != "guide" and self.draws and self.regions
        painting = partly and where == "painted"
        self.where.set_visibility(partly)
        shown(self.share, partly and where == "unsure")
        shown(self.fresh, self.draws)
        self.brush_row.set_visibility(painting)
        self.conditional.set_visibility(kind in ("condition", "guide") and bool(self.model.classes))
        self.prompt.set_visibility(kind == "condition" and self.text is not None)
        shown(self.scale, bool(self.rescale.value))
        self.factor.set_visibility(pulling and canvas is not None)
        self.target_row.set_visibility(pulling and bool(self.target))
        shown(self.pull, pulling and self._pictured(kind))
        if canvas is not None:
            canvas.paint(painting)
        self.moved()

    def _turned(self) -> None:
        """Begin with another operation."""
        kind = self.kind.value
        schema = self.schemas.get(kind, {})
        self.words.text = schema.get("description", "").partition("\n\n")[0].replace("`", "")
        self.others.clear()
        pictured = self._pictured(kind)
        self.others.set_visibility(not pictured)
        with self.others:
            self.form = Form({} if pictured else schema, {}, {}, lists=True)
        alone = kind in ("resample", "inpaint", HOLD)
        self.fresh.value = self._usual("resample") if alone else BESIDE
        if kind in ("inpaint", HOLD) and self.where.value == "all":
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
        if self._where == "unsure":
            return self.viewer.unsure(self.share.value)
        canvas = self.viewer.canvas
        return canvas.mask if self._where == "painted" and canvas is not None else None

    def _target(self) -> Any:
        if self.viewer.canvas is not None or not self.target:
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
        self.prompt = ui.input(f"New {self.text or 'prompt'}").props("outlined dense stack-label")
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
            if not isinstance(self.viewer.stage, PlaneStage) or end.size > MOST_NUMBERS:
                return []
            return [
                number(f"x{i + 1}", round(float(x), 2), None, None, whole=False).props("step=0.1")
                for i, x in enumerate(end.ravel())
            ]
