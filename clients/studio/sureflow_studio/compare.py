"""A second setting to compare with, from the same seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from sureflow_client import Model

from .fields import number, select, shown, slider

NOTHING, GUIDANCE, METHOD, STEPS, CLASS = "none", "guidance", "method", "steps", "label"

NAMES = {
    NOTHING: "Nothing",
    GUIDANCE: "Another guidance",
    METHOD: "Another method",
    STEPS: "Other steps",
    CLASS: "Another class",
}


class ComparePanel:
    """What differs in the second setting, and what it is there."""

    def __init__(self) -> None:
        self.what = select({NOTHING: NAMES[NOTHING]}, "Compare with", NOTHING, self.fit)
        self.guidance = slider("Other guidance", 1, 6, 0.25, 3, "{:.2f}")
        self.method = select([], "Other method", None)
        self.steps = number("Other steps", 5, 1, 1000)
        self.label = select({}, "Other class", None)
        self.fit()

    def offer(self, model: Model, conditional: bool) -> None:
        """Offer what a model has.

        Args:
            model: Its card.
            conditional: Whether a class or a prompt is chosen, so that guidance means something.
        """
        classes, methods = [*(model.classes or ())], [*(model.samplers or ())]
        schema = (model.schemas or {}).get("sampler", {}).get("properties", {})
        there = {
            GUIDANCE: conditional,
            METHOD: len(methods) > 1,
            STEPS: "steps" in schema,
            CLASS: len(classes) > 1 and conditional,
        }
        options = {name: NAMES[name] for name in NAMES if there.get(name, True)}
        chosen = self.what.value if self.what.value in options else NOTHING
        self.what.set_options(options, value=chosen)
        for field, names in ((self.method, methods), (self.label, classes)):
            field.set_options(names, value=field.value if field.value in names else None)
        self.fit()

    def fit(self) -> None:
        """Show the field of what is chosen."""
        what = self.what.value
        shown(self.guidance, what == GUIDANCE)
        self.method.set_visibility(what == METHOD)
        self.steps.set_visibility(what == STEPS)
        self.label.set_visibility(what == CLASS)

    def options(self, first: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that differ; none if nothing is compared.

        Args:
            first: Options of the first setting.
        """
        solver = {**(first.get("sampler") or {})}
        what = self.what.value
        if what == GUIDANCE:
            return {"guidance": self.guidance.value}
        if what == CLASS and self.label.value is not None:
            return {"label": self.label.value}
        if what == METHOD and self.method.value is not None:
            return {"sampler": {**solver, "method": self.method.value}}
        if what == STEPS and self.steps.value:
            idle = ("tolerance", "min_steps", "max_steps")
            kept = {name: value for name, value in solver.items() if name not in idle}
            return {"sampler": {**kept, "steps": int(self.steps.value)}}
        return {}

    def take(self, first: Mapping[str, Any], against: Mapping[str, Any]) -> None:
        """Choose what an earlier :meth:`options` returned."""
        solver, other = first.get("sampler") or {}, against.get("sampler") or {}
        what: str = NOTHING
        field: Any = None
        value: Any = None
        if GUIDANCE in against:
            what, field, value = GUIDANCE, self.guidance, against[GUIDANCE]
        elif CLASS in against:
            what, field, value = CLASS, self.label, against[CLASS]
        elif other and other.get("method") != solver.get("method"):
            what, field, value = METHOD, self.method, other.get("method")
        elif other:
            what, field, value = STEPS, self.steps, other.get("steps")
        if what in self.what.options:
            self.what.value = what
            if field is not None:
                _put(field, value)
        self.fit()


def _put(field: Any, value: Any) -> None:
    """Choose a value where it can be chosen."""
    if not isinstance(field, ui.select) or value in field.options:
        field.value = value
