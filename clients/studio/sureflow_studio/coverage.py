"""How much is accepted, and how bad that may be: the chart beside the gallery."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from nicegui import ui

from sureflow_client import Sample

from .charts import ACCENT, AMBER, GREY, axis, base, draw, line, points, upright
from .risk import Certificate, Risk, risk_of
from .run import Run

LEVELS = np.linspace(0, 1, 101)


class CoveragePanel:
    """The risk-coverage curve where a judge has certified one, else coverage alone."""

    def __init__(self) -> None:
        with ui.element("section").classes("panel risk").props('aria-label="Risk and coverage"'):
            self.title = ui.label("Risk and coverage").classes("panel-title")
            self.chart = ui.echart(base(), renderer="svg").classes("chart")
            self.said = ui.label().classes("risk-said")
            self.note = ui.label().classes("soft small risk-note")
        self.blank()

    def blank(self) -> None:
        """Show that there is nothing yet."""
        self.chart.set_visibility(False)
        self.said.text = ""
        self.note.text = "Generate samples to see how many pass at each confidence."

    def show(self, run: Run, threshold: float) -> None:
        """Draw the samples that have come so far, at a threshold."""
        if not run.samples:
            self.blank()
            return
        risk = risk_of(run.model, run.options, run.score)
        self.title.text = "Risk and coverage" if risk.certificate else "Coverage"
        self.said.text = said(run, threshold, risk)
        self.note.text = note(run, risk)
        known = [one.confidence for one in run.samples if one.confidence is not None]
        self.chart.set_visibility(bool(known))
        if risk.certificate:
            draw(self.chart, risk_chart(risk.certificate, threshold))
        else:
            draw(self.chart, coverage_chart(known, threshold, expected(run.samples)))


def said(run: Run, threshold: float, risk: Risk) -> str:
    """Return what comes of a threshold, in words."""
    count, n = run.passing(threshold), len(run.samples)
    words = f"From {threshold:.2f} on: {count} of {n} pass ({count / n:.0%})."
    if risk.certificate is None:
        return words
    bound = risk.certificate.bound(threshold)
    if bound is None:
        first = max(confidence for confidence, _ in risk.certificate.points)
        return f"{words} Nothing is certified above {first:.2f}."
    return f"{words} At most {ceil(1000 * bound) / 10:g}% of such samples are bad."


def note(run: Run, risk: Risk) -> str:
    """Return on what that rests."""
    certificate = risk.certificate
    if certificate:
        return (
            f"Certified at {certificate.certainty:.0%} over all classes in equal shares, judged by "
            f"{certificate.judge}; of all samples {certificate.base:.1%} were bad."
        )
    if run.samples[0].confidence is None:
        return f"{risk.reason} These samples have no confidence either: they are sorted by score."
    calibrated = expected(run.samples)
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
    return base(
        xAxis=axis("accepted, % of the model's draws", 0, 100),
        yAxis=upright("bad at most, %", 0),
        series=[
            line("bad at most", curve, ACCENT, areaStyle={"color": ACCENT, "opacity": 0.12}),
            points("here", here, AMBER),
        ],
    )


def coverage_chart(known: list[float], threshold: float, calibrated: bool) -> dict[str, Any]:
    """Return the share of samples that pass at each confidence."""
    sure = np.asarray(known)
    passing = 100 * (sure[:, None] >= LEVELS).mean(0)
    here = 100 * float((sure >= threshold).mean())
    curve = [*zip(LEVELS.tolist(), passing.tolist(), strict=True)]
    series = [line("pass", curve, ACCENT, step="end"), points("here", [[threshold, here]], AMBER)]
    if calibrated:
        series.insert(0, line("on average", [[0, 100], [1, 0]], GREY, 1.5, dashed=True))
    return base(
        xAxis=axis("confidence", 0, 1), yAxis=upright("samples that pass, %", 0, 100), series=series
    )
