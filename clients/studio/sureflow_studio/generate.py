"""The panel by which samples are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui
from nicegui.element import Element

from sureflow_client import Filter, GenerateOptions, Model

from .fields import Form, number, select, shown, slider
from .run import Run

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
            self._choose = select([*models], "Model", default.name, self._chosen)
            self.label = select({ANY: "No class"}, "Class", ANY, self._fit)
            self.prompt = ui.input("Prompt", on_change=self._fit)
            self.prompt.props('outlined dense stack-label aria-label="Prompt"')
            self.size = select({}, "Size", None)
            self.guidance = slider("Guidance", 1, 6, 0.25, 1, "{:.2f}")
            with ui.element("div").classes("pair"):
                self.n = number("Samples", 16, 1, MOST)
                self.seed = number("Seed", None, 0, MAX_SEED).props('placeholder="drawn"')
            with _folded("Solver and score"):
                self.solver = ui.element("div").classes("pair")
                self.score = select({"": "Default"}, "Score", "")
            self._filter()
            self.button = ui.button("Generate", on_click=self._clicked, color=None)
            self.button.props("unelevated no-caps").classes("full main")
            self.stop = ui.button("Stop", icon="stop", on_click=stop).props("outline no-caps")
            self.stop.classes("full")
        self.busy(False)
        self._chosen()

    def busy(self, busy: bool) -> None:
        """Offer to stop while something runs, and to begin otherwise."""
        self.button.set_visibility(not busy)
        self.stop.set_visibility(busy)

    @property
    def text(self) -> str | None:
        """The condition that the model makes of a prompt, if there is one."""
        return prompted(self.model)

    def run(self) -> Run:
        """Return the request as it has been chosen."""
        return Run(self.model, int(self.n.value or 1), self.options())

    def options(self) -> GenerateOptions:
        """Return what the request says besides the model and the number of samples."""
        options: GenerateOptions = {"sampler": self.sampler.values()}
        # What cannot be edited cannot be rewound.
        if self.model.operations:
            options["rewind"] = True
        if self.seed.value is not None:
            options["seed"] = int(self.seed.value)
        if self.model.classes and self.label.value != ANY:
            options["label"] = self.model.classes[self.label.value]
            options["guidance"] = self.guidance.value
        if (name := self.text) and self.prompt.value.strip():
            options["condition"] = {name: self.prompt.value}
            options["guidance"] = self.guidance.value
        if self.model.sizes:
            options["size"] = self.model.sizes[self.size.value]
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

    def _filter(self) -> None:
        with _folded("Filter on the server"):
            self.action = select(ACTIONS, "Doubtful samples", "none", self._fit)
            with ui.element("div").classes("stack").style("gap:0") as self.bounded:
                self.least = slider("Least confidence", 0, 1, 0.01, 0.3, "{:.2f}")
                self.early = ui.switch("Give up early what cannot pass")

    def _chosen(self) -> None:
        """Offer what the model has."""
        model = self.model = self.models[self._choose.value]
        calibrated = model.calibrated or {}
        classes = dict(enumerate(model.classes or ()))
        self.label.set_options({ANY: "No class", **classes}, value=ANY)
        conditions = self.model.conditions or {}
        examples = conditions[self.text]["prompt"]["examples"] if self.text else ()
        self.prompt.set_value(examples[0] if examples else "")
        sizes = dict(enumerate(" x ".join(map(str, size)) for size in model.sizes or ()))
        self.size.set_options(sizes, value=0 if sizes else None)
        self.size.set_visibility(bool(sizes))
        usual = calibrated.get("score")
        scores = {name: name for name in model.scores or ()}
        default = f"Default ({usual})" if usual else "Default"
        self.score.set_options({"": default, **scores}, value="")
        self.solver.clear()
        with self.solver:
            schema = (model.schemas or {}).get("sampler", {})
            offered = {"method": model.samplers, "grid": model.grids}
            self.sampler = Form(schema, calibrated, offered)
        self._fit()

    def _fit(self) -> None:
        """Show what goes together."""
        named = bool(self.model.classes)
        self.label.set_visibility(named)
        self.prompt.set_visibility(self.text is not None)
        prompted = self.text is not None and bool(self.prompt.value.strip())
        shown(self.guidance, prompted or (named and self.label.value != ANY))
        self.bounded.set_visibility(self.action.value != "none")

    async def _clicked(self) -> None:
        await self._generate(self.run())


def prompted(model: Model) -> str | None:
    """Return the condition that a model makes of a prompt, if there is one."""
    conditions = (model.conditions or {}).items()
    return next(
        (name for name, each in conditions if (each.get("prompt") or {}).get("level")), None
    )


def _folded(name: str) -> Element:
    with ui.expansion(name).props("dense duration=0"):
        return ui.element("div").classes("stack")
