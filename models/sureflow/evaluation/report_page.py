"""The page of a model report: one HTML file, with pictures in it."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from sureflow.core.lane import Sample
from sureflow.evaluation.followed import Followed
from sureflow.evaluation.model_report import ModelReport
from sureflow.families.flow.codec import CHANNELS, png

SHOWN = 32
"""Samples of either end that are shown."""

STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } th, td { padding: .2rem .7rem; text-align: left }
th { border-bottom: 1px solid } td.number { text-align: right; font-variant-numeric: tabular-nums }
.strong { font-weight: bold } .sheet { display: flex; flex-wrap: wrap; gap: 6px }
.sheet figure { margin: 0; text-align: center; font-size: 11px }
.sheet img { width: 64px; image-rendering: pixelated; display: block }
small { opacity: .75 }
"""


def page(report: ModelReport) -> str:
    """The report as HTML, which needs no other file."""
    card = report.model.card
    title = escape(f"{card.name}: a report")
    parts = [
        f"<h1>{title}</h1>",
        f"<p>{escape(_summary(report))}</p>",
        "<h2>Most and least sure</h2>",
        *_samples(report),
        "<h2>What the scores follow</h2>",
        "<p>Rank correlation of each score with trivial properties of the samples. A score near 1 "
        "or -1 says little that the property does not say.</p>",
        _correlations(report.followed),
        "<h2>Cost</h2>",
        f"<p>{escape(_cost(report))}</p>",
        _table(
            ("rows at once", "ms a block", "ms a row"),
            ((f"{n}", f"{ms:.2f}", f"{ms / n:.2f}") for n, ms in report.milliseconds.items()),
        ),
        "<h2>What is not known</h2>",
        _list(report.unknown),
        "<h2>Where it comes from</h2>",
        _list(str(note) for note in card.provenance.get("imported", [])),
        f"<p><small>Version {escape(card.version)}</small></p>",
    ]
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _summary(report: ModelReport) -> str:
    card = report.model.card
    classes = f", {len(card.classes)} classes" if card.classes else ""
    ranked = "confidence" if report.ranked[0].confidence is not None else report.score
    return (
        f"A model of the family {card.family}, samples of shape {[*card.shape]}{classes}, "
        f"{card.parameters:,} parameters. Here are {len(report.ranked)} samples of it, ranked by "
        f"{ranked}. Variance: {card.variance}."
    )


def _cost(report: ModelReport) -> str:
    sizes = ", ".join(map(str, report.milliseconds))
    return (
        f"A sample takes {report.evaluations:.1f} network rows. Rows are evaluated in blocks of "
        f"{sizes}, which were found to give every row the same bits."
    )


def _samples(report: ModelReport) -> Iterable[str]:
    count = min(SHOWN, len(report.ranked) // 2)
    shape = report.model.card.shape
    image = len(shape) == 3 and shape[0] in CHANNELS
    if not image and math.prod(shape) >= 2:
        yield _scatter(report.ranked)
    for name, part in (
        ("Most sure", report.ranked[:count]),
        ("Least sure", report.ranked[: -count - 1 : -1]),
    ):
        yield f"<h3>{name}</h3>"
        yield _sheet(part) if image else _numbers(part)


def _sheet(samples: Sequence[Sample]) -> str:
    figures = []
    for sample in samples:
        data = base64.b64encode(png(sample.data)).decode()
        said = _said(sample)
        picture = f'<img src="data:image/png;base64,{data}" alt="sample {sample.spec.index}">'
        figures.append(f"<figure>{picture}{escape(said)}</figure>")
    return f'<div class="sheet">{"".join(figures)}</div>'


def _numbers(samples: Sequence[Sample]) -> str:
    rows = (
        (str(s.spec.index), _said(s), ", ".join(f"{z:.3f}" for z in s.data.ravel()[:6]))
        for s in samples[:10]
    )
    return _table(("sample", "sure", "first components"), rows)


def _said(sample: Sample) -> str:
    if sample.confidence is not None:
        return f"{sample.confidence:.2f}"
    return f"{sample.uncertainty:.3g}"


def _scatter(ranked: Sequence[Sample]) -> str:
    """The first two components of all samples; the darker, the less sure."""
    points = np.stack([sample.data.ravel()[:2] for sample in ranked]).astype(float)
    low, high = np.percentile(points, [1, 99], axis=0)
    span = max(float((high - low).max()), 1e-9)
    middle = (low + high) / 2
    x, y = (160 + 280 * (points - middle) / span * [1, -1]).clip(0, 320).T
    dots = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="hsl(210 90% {70 - 60 * rank:.0f}%)"/>'
        for a, b, rank in zip(x, y, np.linspace(0, 1, len(ranked)), strict=True)
    )
    label = "first two components; the darker, the less sure"
    return (
        f'<svg viewBox="0 0 320 320" width="320" role="img" aria-label="{label}">{dots}</svg>'
        f"<p><small>{label}</small></p>"
    )


def _correlations(followed: Sequence[Followed]) -> str:
    names = [*followed[0].correlations]
    rows = (
        (
            each.score,
            f"{each.median:.3g}",
            *(
                f"{value:+.2f} ± {half:.2f}"
                for value, half in (each.correlations[name] for name in names)
            ),
        )
        for each in followed
    )
    meanings = _list(f"{each.score}: {each.says}." for each in followed)
    return _table(("score", "median", *names), rows) + f"<small>{meanings}</small>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr><td>{escape(first)}</td>"
        + "".join(f'<td class="number">{escape(cell)}</td>' for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _list(sentences: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else "<p>Nothing.</p>"
