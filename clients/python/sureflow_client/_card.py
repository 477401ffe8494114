"""The card of a model in a few lines, for terminals and notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Protocol

MOST_NAMES = 12
"""Names that a line lists."""


class Described(Protocol):
    """What is read of a model; `Model` has all of it."""

    name: str
    state: str
    default: bool
    error: str | None
    version: str | None
    family: str | None
    media: str | None
    shape: tuple[int, ...] | None
    sizes: tuple[tuple[int, ...], ...] | None
    classes: tuple[str, ...] | None
    conditions: dict[str, Any] | None
    samplers: tuple[str, ...] | None
    grids: tuple[str, ...] | None
    scores: tuple[str, ...] | None
    operations: tuple[str, ...] | None
    formats: tuple[str, ...] | None
    parameters: int | None
    calibrated: dict[str, Any] | None
    warnings: tuple[str, ...] | None


def card_lines(model: Described) -> list[tuple[str, str]]:
    """Return what there is to know before asking: name and content of each line."""
    said = [
        ("model", f"{model.name}{' (default)' if model.default else ''}, {model.state}"),
        ("error", model.error or ""),
        ("version", model.version or ""),
        ("makes", _makes(model)),
        ("sizes", _listed(_size(size) for size in model.sizes or ())),
        ("classes", _listed(model.classes)),
        ("conditions", _listed(model.conditions)),
        ("samplers", _listed(model.samplers)),
        ("grids", _listed(model.grids)),
        ("scores", _listed(model.scores)),
        ("judged by", str((model.calibrated or {}).get("score") or "")),
        ("confidence", _holds(model.calibrated or {}) if model.state == "ready" else ""),
        ("certified", certified((model.calibrated or {}).get("conformal"))),
        ("operations", _listed(model.operations)),
        ("formats", _listed(model.formats)),
        ("warnings", "; ".join(model.warnings or ())),
    ]
    return [(name, content) for name, content in said if content]


def card_text(model: Described) -> str:
    """Return a card as lines of text."""
    return "\n".join(f"{name:11} {content}" for name, content in card_lines(model))


def card_html(model: Described) -> str:
    """Return a card as a table."""
    rows = "".join(
        f'<tr><th style="text-align:left">{name}</th>'
        f'<td style="text-align:left">{escape(content)}</td></tr>'
        for name, content in card_lines(model)
    )
    return f"<table>{rows}</table>"


def table_html(models: Sequence[Described]) -> str:
    """Return a line for each of several models."""
    head = "".join(f"<th>{name}</th>" for name in ("name", "state", "makes", "judged by"))
    rows = "".join(f"<tr>{''.join(map(_cell, _summary(model)))}</tr>" for model in models)
    return f"<table><tr>{head}</tr>{rows}</table>"


def certified(table: Mapping[str, Any] | None) -> str:
    """Return the least bad rate that a judge has certified, and the confidence that it takes."""
    if not table or not table.get("thresholds"):
        return ""
    confidence, bound = table["thresholds"][0]
    return f"{bound:.2%} bad at a confidence of {confidence:.2f} or more"


def _summary(model: Described) -> tuple[str, ...]:
    name = f"{model.name}{' *' if model.default else ''}"
    score = str((model.calibrated or {}).get("score") or "-")
    return name, model.error or model.state, _makes(model), score


def _cell(text: str) -> str:
    return f'<td style="text-align:left">{escape(text)}</td>'


def _makes(model: Described) -> str:
    if model.shape is None:
        return ""
    parameters = "" if model.parameters is None else f", {model.parameters:,} parameters"
    kind = f"{model.media or 'array'}s of {' x '.join(map(str, model.shape))}"
    return f"{kind} ({model.family}{parameters})"


def _holds(calibrated: Mapping[str, Any]) -> str:
    """Return for which settings confidence by the recommended score is a share of samples."""
    score = calibrated.get("score")
    ranges = (calibrated.get("holds") or {}).get(score, ())
    said = [text for one in ranges if (text := _range(one))]
    if not said:
        return "is nowhere said to be a share of samples"
    return f"is a share of samples for {_listed(said, '; ')}"


def _range(record: Mapping[str, Any]) -> str:
    """Return a range in words; nothing of one that is written in another way."""
    spans = [("steps", record.get("steps")), ("tolerance", record.get("tolerance"))]
    parts = [f"{_spans(several)} {unit}" for unit, several in spans if several]
    rest = {k: v for k, v in record.items() if k not in ("method", "steps", "tolerance")}
    usual = {"grid": "uniform", "guidance": 1.0}
    other = [f"{name} {value}" for name, value in rest.items() if usual.get(name) != value]
    return " ".join([str(record.get("method", "")), *parts, *other]).strip()


def _spans(several: Iterable[Sequence[float | None]]) -> str:
    return " or ".join(_span(*span[:2]) for span in several)


def _span(low: float | None, high: float | None) -> str:
    if high is None:
        return f"{low:g} or more"
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _listed(names: Iterable[str] | None, between: str = ", ") -> str:
    several = [*(names or ())]
    more = len(several) - MOST_NAMES
    return between.join(several[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _size(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
