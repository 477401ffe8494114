"""Fields in which something is chosen, each with its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

FIXED, ADAPTIVE = "Fixed steps", "Adaptive steps"

PLANS = {
    FIXED: ("steps", "grid"),
    ADAPTIVE: ("tolerance", "min_steps", "max_steps"),
}
"""Options of which those of one plan stand in for those of the other."""

TOLERANCE = 1e-2
"""To begin with."""

NUMBERS = ("integer", "number")


class Slider(ui.slider):
    """Moves in the browser first and is heard of afterwards.

    Otherwise the server's answer to one key pressed undoes those that were pressed meanwhile.
    """

    LOOPBACK = False


def slider(
    name: str,
    least: float,
    most: float,
    step: float,
    value: float,
    words: str,
    changed: Callable[..., Any] | None = None,
) -> Slider:
    """Return a slider with its name and its value, formatted by ``words``, above it."""
    with ui.element("div"):
        with ui.element("div").classes("row-line spread"):
            ui.label(name).classes("field-name")
            said = ui.label().classes("small tabular")
        field = Slider(min=least, max=most, step=step, value=value, on_change=changed)
        field.props["aria-label"] = name
        said.bind_text_from(field, "value", words.format)
    return field


def shown(field: Slider, visible: bool) -> None:
    """Show or hide a slider with what is above it."""
    assert field.parent_slot is not None
    field.parent_slot.parent.set_visibility(visible)


def select(
    options: list[str] | dict[Any, str], name: str, value: Any, changed: Any = None
) -> ui.select:
    """Return a list to choose from."""
    field = ui.select(options, label=name, value=value, on_change=changed)
    field.props("outlined dense options-dense")
    field.props["aria-label"] = name
    return field


def number(
    name: str, value: float | None, least: float | None, most: float | None, whole: bool = True
) -> ui.number:
    """Return a field for a number, which may be empty."""
    field = ui.number(name, value=value, min=least, max=most, precision=0 if whole else None)
    field.props("outlined dense stack-label")
    field.props["aria-label"] = name
    return field


class Form:
    """Fields for the options of a JSON Schema that are numbers, words, or yes and no."""

    def __init__(
        self,
        schema: Mapping[str, Any],
        usual: Mapping[str, Any],
        offered: Mapping[str, Sequence[str] | None],
        lists: bool = False,
    ) -> None:
        """Show them.

        Args:
            schema: Of an object.
            usual: Values to begin with, by name, before the defaults of the schema.
            offered: What there is to choose from, where that is less than what the schema has.
            lists: Whether several numbers, and numbers by name, have fields too.
        """
        self._fields: dict[str, Any] = {}
        self._lists: set[str] = set()
        self.plan: ui.toggle | None = None
        if {"steps", "tolerance"} <= schema.get("properties", {}).keys():
            self.plan = ui.toggle([FIXED, ADAPTIVE], value=FIXED, on_change=self._planned)
            self.plan.props("no-caps dense unelevated spread aria-label=Steps")
            self.plan.props("toggle-color=chosen toggle-text-color=chosen").classes("wide")
        for name, described in schema.get("properties", {}).items():
            kind = {**described, **described.get("anyOf", [{}])[0]}
            value = usual.get(name)
            # Calibrated at several values, it has none that is the usual one.
            value = described.get("default") if value is None or isinstance(value, list) else value
            field = _field(kind, value, offered.get(name))
            if field is None and lists and (said := _listed(kind)):
                field = ui.input(kind.get("title", "").capitalize())
                field.props("outlined dense stack-label").props(f'placeholder="{said}"')
                self._lists.add(name)
            if field is not None:
                field.props["title"] = described.get("description", "")
                self._fields[name] = field
        if self.plan is not None:
            self._planned()

    def take(self, values: Mapping[str, Any]) -> None:
        """Choose these, as :meth:`values` returned them; the others are left to the server."""
        if self.plan is not None:
            self.plan.value = ADAPTIVE if "tolerance" in values else FIXED
        for name, field in self._fields.items():
            empty = "" if isinstance(field, ui.select | ui.input) else None
            field.value = values.get(name, False if isinstance(field, ui.switch) else empty)

    def _planned(self) -> None:
        """Show the options of the plan that is chosen."""
        assert self.plan is not None
        for plan, names in PLANS.items():
            for name in names:
                if name in self._fields:
                    self._fields[name].set_visibility(plan == self.plan.value)
        tolerance = self._fields["tolerance"]
        if self.plan.value == ADAPTIVE and tolerance.value is None:
            tolerance.value = TOLERANCE

    def _idle(self) -> Sequence[str]:
        """Options of the plan that is not chosen."""
        if self.plan is None:
            return ()
        return PLANS[FIXED if self.plan.value == ADAPTIVE else ADAPTIVE]

    def values(self) -> dict[str, Any]:
        """Return what has been chosen; what is left empty is left to the server.

        Raises:
            ValueError: Numbers are not written as such.
        """
        idle = self._idle()
        said = {name: field.value for name, field in self._fields.items() if name not in idle}
        return {
            name: read_list(value) if name in self._lists else _whole(value)
            for name, value in said.items()
            if value not in (None, "")
        }


def _field(kind: Mapping[str, Any], value: Any, offered: Sequence[str] | None) -> Any:
    """Return the field for one option; ``None`` for what has to be shown otherwise."""
    name = kind.get("title", "").capitalize()
    if words := offered or kind.get("enum"):
        return select({"": "Default", **{word: word for word in words}}, name, value or "")
    if kind.get("type") in ("integer", "number"):
        least, most = kind.get("minimum"), kind.get("maximum")
        return number(name, value, least, most, kind["type"] == "integer")
    if kind.get("type") == "boolean":
        return ui.switch(name, value=bool(value))
    if kind.get("type") == "string" and "const" not in kind:
        return ui.input(name, value=value or "").props("outlined dense stack-label")
    return None


def _listed(kind: Mapping[str, Any]) -> str:
    """Return how several numbers, or numbers by name, are written; empty if it is neither."""
    items, named = kind.get("items") or {}, kind.get("additionalProperties") or {}
    if kind.get("type") == "array" and items.get("type") in NUMBERS:
        return "0, 2"
    return "name = 1, other = 2" if named and named.get("type") in NUMBERS else ""


def read_list(text: str) -> list[float] | dict[str, float]:
    """Return several numbers, or numbers by name, as they were written in a field.

    Raises:
        ValueError: They are none.
    """
    parts = [part for part in text.split(",") if part.strip()]
    if not any("=" in part for part in parts):
        return [_number(part) for part in parts]
    pairs = [part.rpartition("=") for part in parts]
    return {name.strip(): _number(number) for name, _, number in pairs}


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text.strip()!r} is no number.") from None
    return _whole(number)  # type: ignore[no-any-return]


def _whole(value: Any) -> Any:
    """Return a number that a field holds as the schema wants it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
