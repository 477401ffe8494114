"""How much is accepted, and how bad that may be: the chart beside the gallery."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from nicegui import ui

from sureflow_client import Sample

from .charts import GREY, INK, PURPLE, axis, base, bounded, draw, line, points, upright
from .group import Group
from .risk import Certificate, Risk, risk_of
from .selection import SelectionPanel

LEVELS = np.linspace(0, 1, 101)


class CoveragePanel:
    """The risk-coverage curve where a judge has certified one, else coverage alone."""

    def __init__(self) -> None:
        with ui.element("section").classes("panel risk").props('aria-label="Risk and coverage"'):
            self.title = ui.label("Risk and coverage").classes("panel-title")
            self.chart = ui.echart(base(), renderer="svg").classes("chart")
            self.chart.props('role="img" aria-label="How many samples pass"')
            self.said = ui.label().classes("risk-said")
            self.note = ui.label().classes("soft small risk-note")
            self.selection = SelectionPanel()
        self.blank()

    def blank(self) -> None:
        """Show that there is nothing yet."""
        self.chart.set_visibility(False)
        self.said.text = ""
        self.selection.box.set_visibility(False)
        self.note.text = "Generate samples to see how many pass at each confidence."

    def show(self, group: Group | None, threshold: float) -> None:
        """Draw the samples that have come so far, at a threshold."""
        samples = [] if group is None else group.samples()
        if group is None or not samples:
            self.blank()
            return
        self.selection.show(group, threshold)
        risk = _risk(group)
        self.title.text = "Risk and coverage" if risk.certificate else "Coverage"
        self.said.text = said(group, threshold, risk)
        self.note.text = note(samples, risk)
        known = [_known(group.samples(number)) for number in range(len(group.headings))]
        self.chart.set_visibility(any(known))
        if risk.certificate:
            draw(self.chart, risk_chart(risk.certificate, threshold))
        else:
            draw(self.chart, coverage_chart(known, group.headings, threshold, expected(samples)))


def _known(samples: list[Sample]) -> list[float]:
    return [one.confidence for one in samples if one.confidence is not None]


def _risk(group: Group) -> Risk:
    """Return what is known of all samples; of several settings, no certificate is about all."""
    run = next(run for run in group.runs if run.samples)
    if group.ask is None:
        return Risk(None, "How these samples were asked for is not known, so no risk is either.")
    if len(group.headings) > 1:
        return Risk(None, "Of each setting, how many of its samples pass.")
    return risk_of(run.model, run.options, run.score)


def said(group: Group, threshold: float, risk: Risk) -> str:
    """Return what comes of a threshold, in words."""
    count, n = group.passing(threshold), len(group.samples())
    words = f"From {threshold:.2f} on: {count} of {n} pass ({count / n:.0%})."
    if risk.certificate is None:
        return words
    bound = risk.certificate.bound(threshold)
    if bound is None:
        first = max(confidence for confidence, _ in risk.certificate.points)
        return f"{words} Nothing is certified above {first:.2f}."
    return f"{words} At most {ceil(1000 * bound) / 10:g}% of such samples are bad."


def note(samples: list[Sample], risk: Risk) -> str:
    """Return on what that rests."""
    certificate = risk.certificate
    if certificate:
        return (
            f"Certified at {certificate.certainty:.0%} over all classes in equal shares, judged by "
            f"{certificate.judge}; of all samples {certificate.base:.1%} were bad."
        )
    unknown = sum(one.confidence is None for one in samples)
    if unknown == len(samples):
        return f"{risk.reason} These samples have no confidence either: they are sorted by score."
    if unknown:
        return f"{risk.reason} Samples without a confidence pass at 0 alone."
    calibrated = expected(samples)
    line = (
        "Dashed: what the model's own draws do on average."
        if calibrated
        else "At these settings confidence puts samples in order and is no share."
    )
    return f"{risk.reason} {line}"


def expected(samples: list[Sample]) -> bool:
    """Return whether confidence is the share of draws that are less sure."""
    return all(sample.confidence_holds for sample in samples)


def risk_chart(certificate: Certificate, threshold: float) -> dict[str, Any]:
    """Return certified bad rates over coverage, which is ``1 - confidence`` of the draws."""
    curve = sorted((100 * (1 - level), 100 * rate) for level, rate in certificate.points)
    bound = certificate.bound(threshold)
    here = [] if bound is None else [[100 * (1 - threshold), 100 * bound]]
    return bounded("bad at most, %", "bad at most", curve, points("here", here, PURPLE))


def coverage_chart(
    known: list[list[float]], headings: tuple[str, ...], threshold: float, calibrated: bool
) -> dict[str, Any]:
    """Return the share of samples that pass at each confidence, a curve for each setting."""
    series = [line("on average", [[0, 100], [1, 0]], GREY, 1.5, dashed=True)] * calibrated
    for number, (some, heading) in enumerate(zip(known, headings, strict=True)):
        sure = np.asarray(some)
        if sure.size:
            passing = 100 * (sure[:, None] >= LEVELS).mean(0)
            curve = [*zip(LEVELS.tolist(), passing.tolist(), strict=True)]
            here = 100 * float((sure >= threshold).mean())
            series.append(line(heading or "pass", curve, INK, 2 + number, number > 0, step="end"))
            series.append(points(heading or "here", [[threshold, here]], PURPLE))
    return base(
        xAxis=axis("confidence", 0, 1), yAxis=upright("samples that pass, %", 0, 100), series=series
    )
