"""The panel by which samples are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from secrets import randbelow
from typing import Any

from nicegui import ui
from nicegui.element import Element

from sureflow_client import Model

from .ask import MOST, Ask
from .compare import ComparePanel
from .fields import Form, number, select, shown, slider
from .filtering import FilterPanel
from .views import view_of

ANY, EVERY, SOME = -1, -2, -3
"""Stand for no class, for all of them in turn, and for some, among the labels."""

MAX_SEED = 2**53 - 1

FORMULA = "composition"
"""Kind of a condition that is a text and says itself of what size a sample is."""


class GeneratePanel:
    """Model, condition, solver, filter and comparison, and the button.

    Attributes:
        model: Card of the chosen model.
    """

    def __init__(
        self,
        models: dict[str, Model],
        default: Model,
        generate: Callable[[Ask], Awaitable[None]],
        stop: Callable[[], Awaitable[None]],
    ) -> None:
        self.models = models
        self.model = default
        self._generate = generate
        with ui.element("section").classes("panel").props('aria-label="Generate"'):
            ui.label("Generate").classes("panel-title").props("role=heading aria-level=2")
            self._choose = select([*models], "Model", default.name, self._chosen)
            self.label = select({ANY: "No class"}, "Class", ANY, self._fit)
            self.prompt = ui.input("Prompt", on_change=self._fit)
            self.prompt.props('outlined dense stack-label aria-label="Prompt"')
            self.numbers: dict[str, ui.number] = {}
            self.asked = ui.element("div").classes("pair")
            self.size = select({}, "Size", None)
            self.guidance = slider("Guidance", 1, 6, 0.25, 1, "{:.2f}")
            with ui.element("div").classes("pair"):
                self.n = number("Samples", 16, 1, None)
                self.n.validation = {f"At most {MOST} here": lambda n: (n or 1) <= MOST}
                self.seed = number("Seed", None, 0, MAX_SEED).props('placeholder="drawn"')
            with _folded("Solver and score"):
                self.solver = ui.element("div").classes("pair")
                self.score = select({"": "Default"}, "Score", "")
            with _folded("Filter on the server"):
                self.filter = FilterPanel()
            with _folded("Compare"):
                self.compare = ComparePanel()
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

    @property
    def _formula(self) -> bool:
        """Whether that condition says of what size a sample is."""
        return self.text is not None and (self.model.conditions or {})[self.text]["kind"] == FORMULA

    def ask(self) -> Ask:
        """Return the question as it has been chosen, with a seed, by which it can be repeated."""
        options = self.options()
        against = self.compare.options(options)
        options.setdefault("seed", randbelow(2**31))
        return Ask(self.model.name, int(self.n.value or 1), options, against)

    def take(self, ask: Ask) -> None:
        """Choose what was asked for before, as far as the page has fields for it."""
        if ask.model not in self.models:
            return
        options = ask.options
        self._choose.value = ask.model
        self.n.value, self.seed.value = ask.n, options.get("seed")
        self._offer_classes(options.get("labels") or ())
        self.label.value = self._chosen_of(options)
        if (size := options.get("size")) is not None and self.model.sizes:
            self.size.value = [*map(list, self.model.sizes)].index([*size])
        self.guidance.value = float(options.get("guidance") or 1)
        self.sampler.take(options.get("sampler") or {})
        score = options.get("score", "")
        self.score.value = score if score in self.score.options else ""
        condition = options.get("condition") or {}
        if self.text:
            self.prompt.value = str(condition.get(self.text, ""))
        for name, field in self.numbers.items():
            (field.value,) = condition.get(name) or [None]
        self.filter.take(options.get("filter") or {})
        self._fit()
        self.compare.take(options, ask.against)

    def options(self) -> dict[str, Any]:
        """Return what the request says besides the model and the number of samples."""
        options: dict[str, Any] = {"sampler": self.sampler.values()}
        options.update(view_of(self.model).options)
        # What cannot be edited cannot be rewound.
        if self.model.operations:
            options["rewind"] = True
        if self.seed.value is not None:
            options["seed"] = int(self.seed.value)
        if (classes := self.model.classes) and self.label.value != ANY:
            options["guidance"] = self.guidance.value
            if self.label.value in (EVERY, SOME):
                options["labels"] = [*(self._some if self.label.value == SOME else classes)]
            else:
                options["label"] = classes[self.label.value]
        if (name := self.text) and self.prompt.value.strip():
            options["condition"] = {name: self.prompt.value}
            options["guidance"] = self.guidance.value
        given = {
            name: [field.value] for name, field in self.numbers.items() if field.value is not None
        }
        if given:
            options["condition"] = {**options.get("condition", {}), **given}
            options["guidance"] = self.guidance.value
        if self.model.sizes and not (self._formula and "condition" in options):
            options["size"] = self.model.sizes[self.size.value]
        if self.score.value:
            options["score"] = self.score.value
        if wanted := self.filter.options():
            options["filter"] = wanted
        return options

    def _class(self, label: object) -> int:
        """The number of a class, given by that or by its name; ``ANY`` for none."""
        classes = [*(self.model.classes or ())]
        if label in classes:
            return classes.index(str(label))
        return label if isinstance(label, int) and 0 <= label < len(classes) else ANY

    def _chosen_of(self, options: Mapping[str, Any]) -> int:
        """What stands for the class, or the classes, of a request."""
        if options.get("labels") is None:
            return self._class(options.get("label"))
        return SOME if SOME in self.label.options else EVERY

    def _offer_classes(self, labels: Sequence[object] = ()) -> None:
        """Offer each class, and all of them, and these if they are some."""
        names = [*(self.model.classes or ())]
        offered = {ANY: "No class"} | ({EVERY: "Every class"} if len(names) > 1 else {})
        self._some = [names[found] for each in labels if (found := self._class(each)) != ANY]
        if self._some not in ([], names):
            offered[SOME] = ", ".join(self._some)
        self.label.set_options(offered | dict(enumerate(names)), value=ANY)

    def _chosen(self) -> None:
        """Offer what the model has."""
        model = self.model = self.models[self._choose.value]
        calibrated = model.calibrated or {}
        self._offer_classes()
        conditions = self.model.conditions or {}
        described = conditions[self.text] if self.text else {}
        examples = (described.get("prompt") or described).get("examples", ())
        self.prompt.set_value(examples[0] if examples else "")
        called = (self.text or "").capitalize() if self._formula else "Prompt"
        self.prompt.props["label"] = self.prompt.props["aria-label"] = called
        self._ask_numbers()
        sizes = dict(enumerate(" x ".join(map(str, size)) for size in model.sizes or ()))
        self.size.set_options(sizes, value=0 if sizes else None)
        usual = calibrated.get("score")
        scores = {name: name for name in model.scores or ()}
        default = f"Default ({usual})" if usual else "Default"
        self.score.set_options({"": default, **scores}, value="")
        self.filter.offer(model)
        self.solver.clear()
        with self.solver:
            schema = (model.schemas or {}).get("sampler", {})
            offered = {"method": model.samplers, "grid": model.grids}
            self.sampler = Form(schema, calibrated, offered)
        self._fit()

    def _ask_numbers(self) -> None:
        """Offer the conditions that are a number each."""
        self.asked.clear()
        conditions = (self.model.conditions or {}).items()
        with self.asked:
            self.numbers = {
                name: _measured(name, each)
                for name, each in conditions
                if each["kind"] == "vector" and [*each["shape"]] == [1]
            }
        for field in self.numbers.values():
            field.on_value_change(self._fit)
        self.asked.set_visibility(bool(self.numbers))

    def _fit(self) -> None:
        """Show what goes together."""
        named = bool(self.model.classes)
        self.label.set_visibility(named)
        self.prompt.set_visibility(self.text is not None)
        written = bool(self.prompt.value.strip())
        self.size.set_visibility(bool(self.model.sizes) and not (self._formula and written))
        conditional = self.text is not None and bool(self.prompt.value.strip())
        conditional = conditional or (named and self.label.value != ANY)
        conditional = conditional or any(one.value is not None for one in self.numbers.values())
        shown(self.guidance, conditional)
        self.compare.offer(self.model, conditional)
        self.filter.fit(self.label.value in (EVERY, SOME))

    async def _clicked(self) -> None:
        if self.n.validate():
            await self._generate(self.ask())


def prompted(model: Model) -> str | None:
    """Return the condition that a model makes of a text, a prompt or a formula, if there is one."""
    conditions = (model.conditions or {}).items()
    return next(
        (
            name
            for name, each in conditions
            if (each.get("prompt") or {}).get("level") or each["kind"] == FORMULA
        ),
        None,
    )


def _measured(name: str, condition: Mapping[str, Any]) -> ui.number:
    """Return a field for a condition that is a number."""
    field = number(name, None, None, None, whole=False)
    examples = ", ".join(map(str, condition.get("examples") or ()))
    field.props["placeholder"] = f"such as {examples}" if examples else "any"
    field.props["title"] = condition.get("says") or name
    return field


def _folded(name: str) -> Element:
    with ui.expansion(name).props("dense duration=0"):
        return ui.element("div").classes("stack")
