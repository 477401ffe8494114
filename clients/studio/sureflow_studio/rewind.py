"""The panel by which a trajectory is taken back and redirected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from nicegui import ui

from sureflow_client import Model, Sample
from sureflow_studio.slider import Slider

from .pictures import Mask
from .plan import Choice, factors
from .viewer import Viewer

KINDS = {
    "resample": "Draw anew",
    "condition": "Another class",
    "inpaint": "Hold the rest",
    "guide": "Pull",
}
WHERE = {"all": "Everywhere", "unsure": "The unsure part", "painted": "What I paint"}
SAME = -1
MOST = 16

WORDS = {
    "resample": "Draws noise anew where the trajectory stands, and lets it go on.",
    "condition": "Goes on as another class, or with another guidance.",
    "inpaint": "Makes a part anew; the rest stays exactly as it is.",
    "guide": "Goes on, but near a coarse shape of this sample, or a point.",
}

FRESH = {"resample": 1.0, "inpaint": 1.0, "condition": 0.5, "guide": 0.5}
"""Share of the noise that is drawn anew, unless it is chosen."""


class RewindPanel:
    """Operation, part, strength, branches, and the button."""

    def __init__(
        self, model: Model, sample: Sample, viewer: Viewer, rewind: Callable[[], Awaitable[None]]
    ) -> None:
        self.model, self.sample, self.viewer = model, sample, viewer
        image = viewer.canvas is not None
        offered = {*(model.operations or ())} - (set() if model.classes else {"condition"})
        kinds = {key: name for key, name in KINDS.items() if key in offered}
        parts = WHERE if image else {"all": "Everywhere", "unsure": "The unsure part"}
        with ui.element("section").classes("panel rewind").props('aria-label="Rewind"'):
            ui.label("Rewind").classes("panel-title")
            self.when = ui.label().classes("tabular rewind-when")
            self.kind = self._select(kinds, "Operation", next(iter(kinds)), self._turned)
            self.words = ui.label().classes("soft small")
            self.where = self._select(parts, "Part that changes", "all")
            self.share = _slider("Share", 0.05, 1, 0.05, 0.2, lambda v: f"{v:.0%}", self.fit)
            self._brush()
            self._condition()
            self.factor = self._coarse()
            self.target = self._point()
            self.pull = _slider("Pull", 0.05, 1, 0.05, 1.0, lambda v: f"{v:.2f}")
            self.fresh = _slider("Noise drawn anew", 0, 1, 0.05, 1.0, lambda v: f"{v:.0%}")
            self.branches = _slider("Branches", 1, MOST, 1, 4, lambda v: f"{v:.0f}")
            self.button = ui.button("Rewind", icon="history", on_click=rewind, color=None)
            self.button.props("unelevated no-caps").classes("full main")
        self.fit()

    def choice(self) -> Choice:
        """Return what has been chosen."""
        label = None if self.label.value == SAME else (self.model.classes or ())[self.label.value]
        kind, scale = self.kind.value, self.scale.value if self.rescale.value else None
        conditional = kind in ("condition", "guide") and bool(self.model.classes)
        return Choice(
            kind,
            "all" if kind == "guide" else self.where.value,
            self._mask(),
            self.share.value,
            self.fresh.value,
            self.pull.value,
            int(self.branches.value),
            label if conditional else None,
            scale if conditional else None,
            int(self.factor.value or 1),
            self._target(),
        )

    def fit(self, *_: Any) -> None:
        """Offer what goes together."""
        kind, where, canvas = self.kind.value, self.where.value, self.viewer.canvas
        conditional = kind in ("condition", "guide") and bool(self.model.classes)
        self.words.text = WORDS[kind]
        self.where.set_visibility(kind != "guide")
        _shown(self.share, kind != "guide" and where == "unsure")
        painting = kind != "guide" and where == "painted"
        self.brush_row.set_visibility(painting)
        self.conditional.set_visibility(conditional)
        _shown(self.scale, bool(self.rescale.value))
        self.factor.set_visibility(kind == "guide" and canvas is not None)
        self.target_row.set_visibility(kind == "guide" and canvas is None)
        _shown(self.pull, kind == "guide")
        if canvas is not None:
            canvas.paint(painting)
        self.moved()

    def _turned(self) -> None:
        self.fresh.value = FRESH[self.kind.value]
        if self.kind.value == "inpaint" and self.where.value == "all":
            self.where.value = "unsure"
        self.fit()

    def moved(self) -> None:
        """Say from when on; the end cannot be left."""
        at_end = self.viewer.t >= 1
        self.when.text = (
            "Drag to a time before the end."
            if at_end
            else f"From t = {self.viewer.t:.2f} (step {self.viewer.step})"
        )
        self.button.set_enabled(not at_end)

    def _mask(self) -> Mask | None:
        if self.kind.value == "guide":
            return None
        if self.where.value == "unsure":
            return self.viewer.unsure(self.share.value)
        canvas = self.viewer.canvas
        return canvas.mask if self.where.value == "painted" and canvas is not None else None

    def _target(self) -> Any:
        if self.viewer.canvas is not None:
            return self.viewer.trajectory.predictions()[-1]
        return np.array([field.value or 0.0 for field in self.target], dtype=np.float32)

    def _brush(self) -> None:
        with ui.element("div").classes("stack") as self.brush_row:
            self.brush = _slider("Brush", 0, 6, 0.5, 2, lambda v: f"{v:g} px", self._brushed)
            with ui.element("div").classes("row-line tight"):
                self.erase = ui.switch("Erase", on_change=self._brushed).props("dense")
                ui.button("Clear", on_click=self._clear).props("flat dense no-caps")
                ui.button("Paint the unsure 20 %", on_click=self._unsure).props(
                    "flat dense no-caps"
                )

    def _brushed(self, *_: Any) -> None:
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
            self.label = self._select({SAME: "As before", **classes}, "Class from here on", SAME)
            self.rescale = ui.switch("Another guidance", on_change=self.fit).props("dense")
            self.scale = _slider("Guidance", 1, 10, 0.5, 3, lambda v: f"{v:g}")

    def _coarse(self) -> ui.select:
        shape = self.sample.shape
        sizes = factors(*shape[1:]) if len(shape) == 3 else []
        options = {size: f"Means of {size} × {size} pixels" for size in sizes}
        return self._select(options, "Coarse shape to keep", sizes[-1] if sizes else None)

    def _point(self) -> list[ui.number]:
        end = self.viewer.trajectory.predictions()[-1]
        with ui.element("div").classes("pair") as self.target_row:
            if self.viewer.canvas is not None:
                return []
            return [
                ui.number(f"x{i + 1}", value=round(float(x), 2), step=0.1).props("outlined dense")
                for i, x in enumerate(end)
            ]

    def _select(
        self, options: dict[Any, str], name: str, value: Any, changed: Any = None
    ) -> ui.select:
        field = ui.select(options, label=name, value=value, on_change=changed or self.fit)
        field.props("outlined dense options-dense")
        field.props["aria-label"] = name
        return field


def _slider(
    name: str,
    least: float,
    most: float,
    step: float,
    value: float,
    words: Callable[[float], str],
    changed: Callable[..., Any] | None = None,
) -> Slider:
    """Return a slider with its name and value above it."""
    with ui.element("div"):
        with ui.element("div").classes("row-line spread"):
            ui.label(name).classes("field-name")
            shown = ui.label().classes("small tabular")
        slider = Slider(min=least, max=most, step=step, value=value, on_change=changed)
        slider.props["aria-label"] = name
        shown.bind_text_from(slider, "value", words)
    return slider


def _shown(slider: Slider, shown: bool) -> None:
    assert slider.parent_slot is not None
    slider.parent_slot.parent.set_visibility(shown)
