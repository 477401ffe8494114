"""How bad what is accepted may be, as far as anybody has measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sureflow_client import GenerateOptions, Model


@dataclass(frozen=True)
class Certificate:
    """Bad rates that a judge has certified, from the strictest threshold down.

    Attributes:
        points: Pairs of a confidence, and the bad rate among samples of at least that.
        judge: Who told good from bad.
        certainty: With which the rates hold.
        base: Bad rate among all judged samples.
    """

    points: tuple[tuple[float, float], ...]
    judge: str
    certainty: float
    base: float

    def bound(self, threshold: float) -> float | None:
        """Return the bad rate certified at a threshold; ``None`` where there is none.

        What is certified at one threshold says nothing about its neighbours.
        """
        rates = (rate for confidence, rate in self.points if abs(confidence - threshold) < 1e-6)
        return next(rates, None)


@dataclass(frozen=True)
class Risk:
    """A certificate that is about the samples on show, or why there is none."""

    certificate: Certificate | None
    reason: str = ""


def risk_of(model: Model, options: GenerateOptions, score: str) -> Risk:
    """Return what is known about samples of a model that were asked for in this way.

    Args:
        model: Its card.
        options: Of the request.
        score: By which the samples were judged.
    """
    table: Mapping[str, Any] | None = (model.calibrated or {}).get("conformal")
    if table is None:
        return Risk(None, f"No bad rates are certified for {model.name}{_probe(model)}.")
    sampler = {**(options.get("sampler") or {})}
    if sampler.get("grid") in (model.grids or ())[:1]:
        del sampler["grid"]
    requested = (sampler, score, options.get("guidance") or 1.0)
    fixed = {"method": table["method"], "steps": table["steps"]}
    same = requested == (fixed, table["score"], table["guidance"])
    labelled = bool({"label", "labels"} & options.keys()) or not model.classes
    if not (same and labelled):
        return Risk(None, f"The risk is known for {_words(model, table)} only.")
    points = tuple((float(confidence), float(rate)) for confidence, rate in table["thresholds"])
    return Risk(Certificate(points, table["judge"], 1 - table["delta"], table["bad_rate"]))


def _probe(model: Model) -> str:
    """Say what a judge was used for, if not for that."""
    judge = (model.probed or {}).get("judge")
    return f": its probe was fitted to the judge {judge}, which certifies nothing" if judge else ""


def _words(model: Model, table: Mapping[str, Any]) -> str:
    label = ", with a class" if model.classes else ""
    return (
        f"{table['method']} with {table['steps']} steps, guidance {table['guidance']:g}, "
        f"score {table['score']}{label}"
    )
