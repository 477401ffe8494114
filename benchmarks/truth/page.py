"""The page that shows every figure of the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.truth import (
    between,
    early,
    ending,
    foretelling,
    geometry,
    guidance,
    ignorance,
    images,
    mixtures,
    off_support,
    promises,
    removal,
    rungs,
    tail,
    tried,
    unconditional,
    uniform,
)

PAGE = "truth.md"

HEAD = """# Scores against truth

Written by `python -m benchmarks.truth --docs docs/benchmarks`, from the scores that are served.
Larger scores are less sure. AUROC is the chance that a bad sample scores higher than a good one;
in brackets, where it was measured, the interval in which 95 % of bootstrap samples lie.
"""
DIGITS = """## digits: misread samples

Bad is a digit that somebody else's reader takes for another one. *Another judge* was trained on the
5,000 digits there are, 500 of which the model has not seen. *AUROC of confidence* ranks samples
within their class, as confidence does; the half is the more confident one of every class.

The recommended score of the model is `class_margin`. It was fitted to no judge: its classifier
learned the classes of the 4,500 training images, with noise, from the network's own activations
without a label and from the states themselves. When a sample is read was chosen on other digits:
late enough to find what is wrong, and early enough that hopeless samples need not be finished. It
costs three evaluations more than the 40 of the sample, `adherence_contrast` two, `adherence` one
(these none under guidance); all others but `residual` are free. The last four rows know nothing of
the model: *nearest image* and *small classifier*, a CNN trained within a minute, know its training
images.

![Risk against coverage](truth-digits-risk.png)

Confidence as a share of samples, and the misread ones in every tenth of it:

![Reliability](truth-digits-reliability.png)

The hundred samples it is least sure of, those with a frame misread:

![Least sure](truth-digits-least.png)

and most sure of:

![Most sure](truth-digits-most.png)
"""
FASHION = """## fashion: realism

Bad is the least realistic fifth, by the realism ratio in the feature space of the judge against as
many held-out images. Off the manifold is outside every ball of a real image. Selection prefers
plain samples: precision rises, recall and coverage fall.

The recommended score is `probe`, which is free. It was fitted to what the same judge said of other
samples, compared with other real images; the other scores have seen no judge. Whether a sample lies
in a ball of one set of real images is in part luck: *the judge itself* is what it says of the
finished samples among 30 sets of other real images, which is what the probe was fitted to. *Another
judge* was trained with another seed, and the probe never met it.

![Risk against coverage](truth-fashion-risk.png)

Confidence as a share of samples, and the least realistic fifth in every tenth of it:

![Reliability](truth-fashion-reliability.png)

Least sure, those among the least realistic fifth with a frame:

![Least sure](truth-fashion-least.png)

Most sure:

![Most sure](truth-fashion-most.png)
"""


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write the page with the parts that have been measured."""
    parts = [HEAD]
    if any(label.startswith("mixture ") for label in figures):
        parts += [mixtures.fragment(figures)]
    if any(label.startswith("ending") for label in figures):
        parts += [ending.fragment(figures)]
    if any(label.startswith("ring,") for label in figures):
        parts += [off_support.fragment(figures)]
    if any(label.startswith("divergence") for label in figures):
        parts += [geometry.fragment(figures)]
    for model, text in (("digits", DIGITS), ("fashion", FASHION)):
        if f"{model}: samples" in figures:
            parts += [text, images.fragment(figures, model), images.certificates(figures, model)]
            if model == "digits" and "tried: samples" in figures:
                parts += [tried.fragment(figures)]
    if any(label.startswith("ignorance") for label in figures):
        parts += [ignorance.fragment(figures)]
    if any(label.startswith("unconditional") for label in figures):
        parts += [unconditional.fragment(figures)]
    if any(label.startswith("uniform") for label in figures):
        parts += [uniform.fragment(figures)]
    if any(label.startswith("between") for label in figures):
        parts += [between.fragment(figures)]
    if any(label.startswith("promises") for label in figures):
        parts += [promises.fragment(figures)]
    if any(label.startswith("early") for label in figures):
        parts += [early.fragment(figures)]
    if any(label.startswith("foretelling") for label in figures):
        parts += [foretelling.fragment(figures)]
    if any(label.startswith("rungs") for label in figures):
        parts += [rungs.fragment(figures)]
    if any(label.startswith("removal") for label in figures):
        parts += [removal.fragment(figures)]
    if any(label.startswith("guidance") for label in figures):
        parts += [guidance.fragment(figures)]
    if any(label.startswith("tail") for label in figures):
        parts += [tail.fragment(figures)]
    (folder / PAGE).write_text("\n\n".join(part.strip() for part in parts if part) + "\n")
