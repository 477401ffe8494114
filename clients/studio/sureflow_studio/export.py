"""A gallery as one page that needs nothing else: pictures, confidences and recipes."""

from __future__ import annotations

import json
from html import escape

from sureflow_client import Sample

from .card import missing, short
from .colours import shade
from .group import Group
from .recipe import generated
from .run import Run, passes, rank
from .views import view_of

STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 24px; max-width: 1200px; }
section { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(128px, 1fr)); }
figure { margin: 0; border: 1px solid #8886; border-radius: 8px; padding: 8px; }
img { width: 100%; aspect-ratio: 1; object-fit: contain; display: block; }
img { image-rendering: pixelated; }
.below > :not(figcaption, details) { opacity: 0.35; }
figcaption { display: flex; justify-content: space-between; margin-top: 6px; }
.columns { display: grid; gap: 16px; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); }
.meter { height: 4px; margin-top: 6px; background: #8883; }
.meter > div { height: 100%; }
code, pre { font: 12px/1.4 ui-monospace, monospace; }
pre { overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
"""


def page(group: Group, threshold: float) -> str:
    """Return a gallery as HTML, with the surest samples first and without any script.

    Args:
        group: What is on show.
        threshold: Confidence below which samples are faint.
    """
    title = f"{group.model.name}, {len(group.samples())} samples"
    columns = "\n".join(
        _column(group, number, heading, threshold) for number, heading in enumerate(group.headings)
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style></head>\n<body><main>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(_about(group))}</p>\n"
        f'<div class="columns">{columns}</div>\n'
        f"<p>Made by Sureflow.</p></main></body></html>\n"
    )


def name(group: Group) -> str:
    """Return the name of the file."""
    seed = next((run.seed for run in group.runs if run.seed is not None), "")
    return f"{group.model.name}-{seed}.html"


def _about(group: Group) -> str:
    scores = sorted({sample.method for sample in group.samples()})
    holds = all(sample.confidence_holds for sample in group.samples())
    words = "" if holds else " ~ marks a confidence that puts samples in order and is no share."
    return f"{group.note}. Score: {', '.join(scores)}. Faint: below the threshold.{words}"


def _column(group: Group, number: int, heading: str, threshold: float) -> str:
    made = sorted(group.made(number), key=lambda pair: rank(pair[1], "surest"))
    if len(group.headings) > 1:
        made.sort(key=lambda pair: pair[1].index)
    figures = "\n".join(_figure(group, run, sample, threshold) for run, sample in made)
    return f"<div><h2>{escape(heading)}</h2>\n<section>\n{figures}\n</section></div>"


def _figure(group: Group, run: Run, sample: Sample, threshold: float) -> str:
    below = not passes(sample, threshold)
    share = sample.confidence or 0.0
    called, kind = group.name(sample), ' class="below"' if below else ""
    recipe = json.dumps(generated(run.model.name, run.version, run.options, sample), indent=1)
    return (
        f"<figure{kind}>{_shown(group, sample)}"
        f'<div class="meter"><div style="width:{share:.1%};background:{shade(sample.confidence)}">'
        f"</div></div><figcaption><span>{escape(short(sample))}</span>"
        f"<span>{escape(called)}</span></figcaption>"
        f"<details><summary>Recipe</summary><pre>{escape(recipe)}</pre></details></figure>"
    )


def _shown(group: Group, sample: Sample) -> str:
    if sample.data is None:
        return f"<p>{escape(missing(sample))}</p>"
    return view_of(group.model).html(sample)
