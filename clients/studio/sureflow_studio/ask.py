"""What somebody asks for on the page: one request, or several that are compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from sureflow_client import GenerateOptions, Model

from .run import Run

MOST = 256
"""Samples of one request; the page shows all of them."""

LONGEST = 8000
"""Characters of what is read from an address."""


@dataclass(frozen=True)
class Ask:
    """What was chosen.

    Attributes:
        model: Name of the model.
        n: Samples of each setting.
        options: What else the request says.
        against: Options of a second setting, in place of those; empty for none.
    """

    model: str
    n: int
    options: Mapping[str, Any] = field(default_factory=dict)
    against: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headings(self) -> tuple[str, ...]:
        """What the settings that are compared are called; one empty name for a single one."""
        if not self.against:
            return ("",)
        one, other = _flat(self.options), _flat(self.against)
        differing = [name for name in other if one.get(name) != other[name]] or [*other]
        return tuple(
            ", ".join(f"{name} {_said(side.get(name, 'default'))}" for name in differing)
            for side in (one, other)
        )

    def runs(self, model: Model) -> list[Run]:
        """Return the requests that this comes to, one for each setting."""
        settings = [{**self.options}]
        if self.against:
            settings.append({**self.options, **self.against})
        if "label" in self.against:  # in place of several classes
            settings[1].pop("labels", None)
        return [
            Run(model, self.n, cast("GenerateOptions", options), column)
            for column, options in enumerate(settings)
        ]

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))


def read(text: str) -> Ask | None:
    """Return what such JSON says; ``None`` where it says nothing of the kind."""
    try:
        known = json.loads(text) if len(text) <= LONGEST else {}
        n = min(max(int(known["n"]), 1), MOST)
        options, against = dict(known["options"]), dict(known.get("against") or {})
        return Ask(str(known["model"]), n, options, against)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the solver among the others."""
    return {name: v for name, v in options.items() if name != "sampler"} | {
        **(options.get("sampler") or {})
    }


def _said(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
