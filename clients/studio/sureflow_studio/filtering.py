"""What the server does with samples that it is not sure enough of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from sureflow_client import Filter, Model

from .fields import Slider, select, shown, slider

KEEP = "none"

ACTIONS = {
    KEEP: "Keep",
    "annotate": "Mark",
    "drop": "Drop",
    "regenerate": "Regenerate",
}

LEAST, CLASSES = "min", "classes"


@dataclass(frozen=True)
class Bound:
    """What a filter can go by: its field, its name on the page, and the range of its slider."""

    field: str
    name: str
    slider: tuple[float, float, float, float, str]


RATE = (0.005, 0.3, 0.005, 0.05, "{:.1%}")

BOUNDS = {
    LEAST: Bound("min", "Least confidence", (0, 1, 0.01, 0.3, "{:.2f}")),
    "max_bad_rate": Bound("max_bad_rate", "Most that may be bad", RATE),
    CLASSES: Bound("max_bad_rate", "Most that may be bad of each class", RATE),
    "any_good": Bound("any_good", "One good sample at least", (0.5, 0.995, 0.005, 0.9, "{:.1%}")),
}
"""By name; all but the first are promises, which take a certificate."""

ALONE = ("any_good",)
"""Bounds for which further samples are made anyway, so that none is made in place of another."""


class FilterPanel:
    """The server's own filter."""

    def __init__(self) -> None:
        self.action = select(ACTIONS, "Unsure samples", KEEP, self._fit)
        self.sliders: dict[str, Slider] = {}
        with ui.element("div").classes("stack").style("gap:0") as self.bounded:
            self.by = select(_named(BOUNDS), "Filter by", LEAST, self._fit)
            for name, bound in BOUNDS.items():
                self.sliders[name] = slider(bound.name, *bound.slider)
            self.early = ui.switch("Stop early what cannot pass")
            self.stratify = ui.switch("As many that pass of each class")
        self._several = False
        self._fit()

    def offer(self, model: Model) -> None:
        """Offer what the certificate of a model promises."""
        table = (model.calibrated or {}).get("conformal")
        names = [LEAST]
        if table is not None:
            names.append("max_bad_rate")
            names += [CLASSES] if model.classes and "strata" in table else []
            names += ["any_good"] if "strata" in table else []
        by = self.by.value if self.by.value in names else LEAST
        self.by.set_options(_named(names), value=by)
        self._fit()

    def options(self) -> Filter | None:
        """Return what a request says of it; ``None`` if all samples are kept."""
        if self.action.value == KEEP:
            return None
        by = self.by.value
        alone = by in ALONE
        action = "drop" if alone and self.action.value == "regenerate" else self.action.value
        wanted: dict[str, Any] = {BOUNDS[by].field: self.sliders[by].value, "action": action}
        if by == CLASSES:
            wanted["per"] = "class"
        if self.early.value and not alone:
            wanted["early"] = True
        if self.stratify.value and self.stratify.visible:
            wanted["stratify"] = True
        filter: Filter = {**wanted}  # type: ignore[typeddict-item]
        return filter

    def take(self, wanted: Mapping[str, Any]) -> None:
        """Choose what an earlier :meth:`options` returned."""
        action = wanted.get("action", KEEP)
        self.action.value = action if action in ACTIONS else KEEP
        by = next((name for name in self.by.options if BOUNDS[name].field in wanted), LEAST)
        by = CLASSES if wanted.get("per") and CLASSES in self.by.options else by
        self.by.value = by
        self.sliders[by].value = float(wanted.get(BOUNDS[by].field, self.sliders[by].value))
        self.early.value = bool(wanted.get("early"))
        self.stratify.value = bool(wanted.get("stratify"))

    def fit(self, several: bool) -> None:
        """Offer what makes sense for several classes, or for one."""
        self._several = several
        self._fit()

    def _fit(self) -> None:
        self.bounded.set_visibility(self.action.value != KEEP)
        self.by.set_visibility(len(self.by.options) > 1)
        for name, each in self.sliders.items():
            shown(each, name == self.by.value)
        self.early.set_visibility(self.by.value not in ALONE)
        anew = self.action.value == "regenerate" and self.by.value not in ALONE
        self.stratify.set_visibility(self._several and anew)


def _named(names: Mapping[str, Bound] | list[str]) -> dict[str, str]:
    return {name: BOUNDS[name].name for name in names}
