"""``ring``: at which times fresh noise sends a sample to another mode, and what an edit saves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from scipy.stats import ks_2samp

from benchmarks.report import Report
from sureflow.checkpoint import load
from sureflow.core.frame import nearest
from sureflow.core.lane import Branch, Sample
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.sample import run, step_of

mpl.use("Agg")
import matplotlib.pyplot as plt

SEED, STEPS, MODES, RADIUS = 17, 50, 8, 2.0
TIMES = tuple(round(0.05 * number, 2) for number in range(20))
OFFSETS = (-0.3, -0.2, -0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
EDITED_AT = 0.6

Floats = npt.NDArray[np.float64]


def measure(report: Report, quick: bool, docs: Path | None) -> None:
    """Add the figures to a report, and draw the curves.

    Args:
        report: Where to.
        quick: Fewer samples.
        docs: Folder for the picture; none is drawn without.
    """
    model = load("ring")
    specs = [
        FlowSpec(SEED, index, "heun", STEPS, keep="all") for index in range(40 if quick else 500)
    ]
    parents = run(model, specs, 64)
    commits = np.array([parent.commit.t for parent in parents])
    report.add("ring: samples", len(parents))
    for share in (10, 50, 90):
        report.add(f"ring: commit point, {share} %", float(np.percentile(commits, share)))
    for time in TIMES:
        report.add(f"ring: t {time:.2f}", _changed(model, parents, [time] * len(parents)))
    for offset in OFFSETS:
        times = [parent.commit.t + offset for parent in parents]
        report.add(f"ring: commit {offset:+.2f}", _changed(model, parents, times))
    _prior(report, model, parents)
    _saving(report, model, parents[:50])
    if docs is not None:
        _draw(report.figures, docs)


def modes(samples: list[Sample]) -> npt.NDArray[np.int64]:
    """The nearest of the eight modes of each sample."""
    x, y = np.stack([sample.data for sample in samples]).T
    turn = np.round(np.arctan2(y, x) / (2 * np.pi / MODES))
    which: npt.NDArray[np.int64] = turn.astype(np.int64) % MODES
    return which


def _changed(model: Model, parents: list[Sample], times: list[float]) -> float:
    """Share of the samples, per cent, in another mode after fresh noise, each at its time."""
    chosen = [(p, t) for p, t in zip(parents, times, strict=True) if 0 <= t <= 0.98]
    children = run(model, [_resampled(parent, t) for parent, t in chosen], 64)
    return 100 * float((modes(children) != modes([parent for parent, _ in chosen])).mean())


def _resampled(parent: Sample, t: float) -> FlowSpec:
    step = step_of(parent, float(t))
    origin = Branch(parent.spec, step, (Resample(1.0),), nearest(parent.frames, step))
    branch: FlowSpec = replace(parent.spec, seed=SEED + 1, keep=(), origin=origin)
    return branch


def _prior(report: Report, model: Model, parents: list[Sample]) -> None:
    """Whether samples with all their noise drawn anew are samples like others."""
    new = np.stack([s.data for s in run(model, [_resampled(p, 0.0) for p in parents], 64)])
    others = [FlowSpec(SEED + 2, index, "heun", STEPS) for index in range(2 * len(parents))]
    fresh = np.stack([sample.data for sample in run(model, others, 64)])
    for name, angle in (("x", 0.0), ("y", np.pi / 2), ("x + y", np.pi / 4)):
        direction = np.array([np.cos(angle), np.sin(angle)])
        value = float(ks_2samp(new @ direction, fresh @ direction).pvalue)
        report.add(f"ring: from t 0 against fresh samples, p along {name}", value)


def _saving(report: Report, model: Model, parents: list[Sample]) -> None:
    """Evaluations of an edit with a frame, and without."""
    specs = [_resampled(parent, EDITED_AT) for parent in parents]
    without = []
    for spec in specs:
        assert isinstance(spec.origin, Branch)
        without.append(replace(spec, origin=replace(spec.origin, frame=None)))
    for name, lanes in (("with a frame", specs), ("without one", without)):
        cost = np.mean([sample.evaluations for sample in run(model, lanes, 64)])
        report.add(f"ring: evaluations of an edit at {EDITED_AT}, {name}", float(cost))


def _draw(figures: dict[str, Any], folder: Path) -> None:
    """Write ``rewind-ring.png``."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
    left.plot(TIMES, [figures[f"ring: t {time:.2f}"] for time in TIMES], color="#0072B2")
    low, middle, high = (figures[f"ring: commit point, {share} %"] for share in (10, 50, 90))
    left.axvspan(low, high, color="#E69F00", alpha=0.2, lw=0, label="commit points, 10 to 90 %")
    left.axvline(middle, color="#E69F00", label="their median")
    left.set(
        xlabel="t at which all noise is drawn anew", ylabel="in another mode, %", ylim=(0, 100)
    )
    values = [figures[f"ring: commit {offset:+.2f}"] for offset in OFFSETS]
    right.plot(OFFSETS, values, color="#0072B2", marker="o", ms=3)
    right.axvline(0, color="#E69F00", label="its own commit point")
    right.set(xlabel="t - commit point of the sample")
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, frameon=False)
    figure.savefig(folder / "rewind-ring.png", dpi=110)
    plt.close(figure)


def fragment(figures: dict[str, Any]) -> str:
    """The figures as a section with markdown tables."""
    low, middle, high = (figures[f"ring: commit point, {share} %"] for share in (10, 50, 90))
    costs = [
        figures[f"ring: evaluations of an edit at {EDITED_AT}, {name}"]
        for name in ("with a frame", "without one")
    ]
    values = [
        figures[f"ring: from t 0 against fresh samples, p along {n}"] for n in ("x", "y", "x + y")
    ]
    rows = [
        "## ring: where a sample changes its mode",
        "",
        f"Share of {figures['ring: samples']} samples (Heun, {STEPS} steps) that end in another of",
        "the eight modes after `resample` with strength 1 at a time. Drawn blindly it is 87.5 %.",
        f"Commit points: median {middle:.2f}, 10 to 90 % {low:.2f} to {high:.2f}.",
        "",
        "![Mode changes](rewind-ring.png)",
        "",
        "| t | in another mode |",
        "| ---: | ---: |",
        *(f"| {time:.2f} | {figures[f'ring: t {time:.2f}']:.1f} % |" for time in TIMES),
        "",
        "| from the sample's own commit point | in another mode |",
        "| ---: | ---: |",
        *(
            f"| {offset:+.2f} | {figures[f'ring: commit {offset:+.2f}']:.1f} % |"
            for offset in OFFSETS
        ),
        "",
        "Resampled from t = 0 the samples follow the prior: two-sample Kolmogorov-Smirnov tests",
        "against fresh ones along x, y and x + y have p "
        + ", ".join(f"{value:.2f}" for value in values)
        + ".",
        "",
        f"An edit at t = {EDITED_AT} costs {costs[0]:.0f} evaluations with a frame there, one for",
        "the noise and the others for the steps that are left. Without it costs",
        f"{costs[1]:.0f}: the frame saves {100 * (1 - costs[0] / costs[1]):.0f} %.",
    ]
    return "\n".join(rows)
