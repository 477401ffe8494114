"""The panel by which samples are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from nicegui.element import Element

from sureflow_client import Filter, GenerateOptions, Model
from sureflow_studio.slider import Slider

from .run import Run

STEPS = 20
"""Of models that say nothing about how they were calibrated."""

TOLERANCES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
MOST = 256
"""Samples of one request; the page shows all of them."""

ANY = -1
"""Stands for no class among the labels."""

MAX_SEED = 2**53 - 1

ACTIONS = {
    "none": "Keep everything",
    "annotate": "Mark the doubtful",
    "drop": "Drop the doubtful",
    "regenerate": "Make others instead",
}


class GeneratePanel:
    """Model, condition, solver and filter, and the button.

    Attributes:
        model: Card of the chosen model.
    """

    def __init__(
        self,
        models: dict[str, Model],
        default: Model,
        generate: Callable[[Run], Awaitable[None]],
        stop: Callable[[], None],
    ) -> None:
        self.models = models
        self.model = default
        self._generate = generate
        with ui.element("section").classes("panel").props('aria-label="Generate"'):
            ui.label("Generate").classes("panel-title")
            self._choose = _select([*models], "Model", default.name, self._chosen)
            self._condition()
            with ui.element("div").classes("pair"):
                self.n = _number("Samples", 16, 1, MOST)
                self.seed = _number("Seed", None, 0, MAX_SEED).props('placeholder="drawn"')
            self._solver()
            self._filter()
            self.button = ui.button("Generate", on_click=self._clicked, color=None)
            self.button.props("unelevated no-caps").classes("full main")
            self.stop = ui.button("Stop", icon="stop", on_click=stop).props("outline no-caps")
            self.stop.classes("full")
        self.busy(False)
        self._fit()

    def busy(self, busy: bool) -> None:
        """Offer to stop while something runs, and to begin otherwise."""
        self.button.set_visibility(not busy)
        self.stop.set_visibility(busy)

    def run(self) -> Run:
        """Return the request as it has been chosen."""
        return Run(self.model, int(self.n.value or 1), self.options())

    def options(self) -> GenerateOptions:
        """Return what the request says besides the model and the number of samples."""
        options: GenerateOptions = {"rewind": True}
        if self.method.value:
            options["method"] = self.method.value
        if self.adaptive.value:
            options["tolerance"] = self.tolerance.value
        else:
            options["steps"] = None if self.steps.value is None else int(self.steps.value)
            options["grid"] = "fitted" if self.fitted.value else "uniform"
        if self.seed.value is not None:
            options["seed"] = int(self.seed.value)
        if self.model.classes and self.label.value != ANY:
            options["label"] = self.model.classes[self.label.value]
            options["guidance"] = self.guidance.value
        if self.score.value:
            options["score"] = self.score.value
        if self.action.value != "none":
            options["filter"] = self._filtered()
        return options

    def _filtered(self) -> Filter:
        wanted: Filter = {"min": self.least.value, "action": self.action.value}
        if self.early.value:
            wanted["early"] = True
        return wanted

    def _condition(self) -> None:
        self.label = _select({ANY: "No class"}, "Class", ANY, self._fit)
        with ui.element("div").classes("stack").style("gap:0") as self.guiding:
            with ui.element("div").classes("row-line spread"):
                ui.label("Guidance").classes("field-name")
                shown = ui.label().classes("small tabular")
            self.guidance = Slider(min=1, max=6, step=0.25, value=1)
            self.guidance.props('aria-label="Guidance"')
            shown.bind_text_from(self.guidance, "value", lambda value: f"{value:.2f}")

    def _solver(self) -> None:
        with _folded("Solver and score"):
            with ui.element("div").classes("pair"):
                self.method = _select({"": "Default"}, "Solver", "")
                self.steps = _number("Steps", STEPS, 1, 1000)
                tolerances = {value: f"{value:g}" for value in TOLERANCES}
                self.tolerance = _select(tolerances, "Tolerance", 1e-3)
            self.adaptive = ui.switch("Steps of its own for every sample", on_change=self._fit)
            self.fitted = ui.switch("Steps placed as fitted to the model")
            self.score = _select({"": "Default"}, "Score", "")

    def _filter(self) -> None:
        with _folded("Filter on the server"):
            self.action = _select(ACTIONS, "Doubtful samples", "none", self._fit)
            with ui.element("div").classes("stack").style("gap:0") as self.bounded:
                with ui.element("div").classes("row-line spread"):
                    ui.label("Least confidence").classes("field-name")
                    shown = ui.label().classes("small tabular")
                self.least = Slider(min=0, max=1, step=0.01, value=0.3)
                self.least.props('aria-label="Least confidence"')
                shown.bind_text_from(self.least, "value", lambda value: f"{value:.2f}")
                self.early = ui.switch("Give up early what cannot pass")

    def _chosen(self) -> None:
        self.model = self.models[self._choose.value]
        self._fit(new=True)

    def _fit(self, *_: Any, new: bool = False) -> None:
        """Offer what the model has, and what goes together."""
        if new or len(self.label.options) != len(self.model.classes or ()) + 1:
            self._refill()
        named = bool(self.model.classes)
        self.label.set_visibility(named)
        self.guiding.set_visibility(named and self.label.value != ANY)
        self.steps.set_visibility(not self.adaptive.value)
        self.tolerance.set_visibility(bool(self.adaptive.value))
        grids = self.model.grids or ()
        self.fitted.set_visibility("fitted" in grids and not self.adaptive.value)
        self.bounded.set_visibility(self.action.value != "none")

    def _refill(self) -> None:
        calibrated = self.model.calibrated or {}
        classes = dict(enumerate(self.model.classes or ()))
        self.label.set_options({ANY: "No class", **classes}, value=ANY)
        usual = calibrated.get("score")
        scores = {name: name for name in calibrated.get("scores", ())}
        self.score.set_options(
            {"": f"Default ({usual})" if usual else "Default", **scores}, value=""
        )
        solvers = {name: name for name in self.model.samplers or ()}
        self.method.set_options({"": "Default", **solvers}, value=calibrated.get("method", ""))
        self.steps.value = calibrated.get("steps", STEPS)
        self.fitted.value = False

    async def _clicked(self) -> None:
        await self._generate(self.run())


def _folded(name: str) -> Element:
    with ui.expansion(name).props("dense duration=0"):
        return ui.element("div").classes("stack")


def _select(
    options: list[str] | dict[Any, str], name: str, value: Any, changed: Any = None
) -> ui.select:
    field = ui.select(options, label=name, value=value, on_change=changed)
    field.props("outlined dense options-dense")
    field.props["aria-label"] = name
    return field


def _number(name: str, value: float | None, least: float, most: float) -> ui.number:
    field = ui.number(name, value=value, min=least, max=most, precision=0)
    field.props("outlined dense stack-label")
    field.props["aria-label"] = name
    return field
