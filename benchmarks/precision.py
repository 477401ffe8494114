"""What bfloat16 gains, and what it does to samples, to confidence and to quality.

The same lanes in float32 and in bfloat16: same seeds, labels and steps. Speed is the median of
alternating pairs of evaluations at 16 rows.
"""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.device import add_device
from benchmarks.overhead import paired_times
from benchmarks.report import Report, machine, options
from sureflow.checkpoint import load
from sureflow.core.lane import Sample
from sureflow.evaluation.evaluate import assess, draw_balanced
from sureflow.evaluation.judge import Judge
from sureflow.evaluation.realism import JUDGE
from sureflow.model import Model
from sureflow.sampling.blocks import clock
from sureflow.sampling.evaluator import main_head
from sureflow.training.arrays import scaled
from sureflow.training.data import fashion_mnist

DOCS = Path("docs/benchmarks/precision.md")
ROWS = (1, 16, 32)


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--model", default="fashion")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--steps", type=int, default=10)
    add_device(parser)
    parser.add_argument("--docs", action="store_true", help=f"write {DOCS}")
    arguments = parser.parse_args()
    count = 60 if arguments.quick else arguments.count
    report = Report("precision")
    exact = load(arguments.model, arguments.device)
    rounded = load(arguments.model, arguments.device, precision="bfloat16")
    for rows in ROWS:
        pairs = paired_evaluations(exact, rounded, rows, 10 if arguments.quick else 40)
        ratio = statistics.median(b / a for a, b in pairs)
        report.add(f"seconds in bfloat16 / float32, {rows} rows", ratio)
    report.add("block sizes that verify, bfloat16", str(main_head(rounded).sizes))
    drawn = [draw_balanced(m, count, 7, steps=arguments.steps) for m in (exact, rounded)]
    compare(report, *drawn)
    if exact.card.name == "fashion":
        try:
            judge(report, drawn)
        except FileNotFoundError as error:
            report.add("judge", f"not asked: {error}")
    report.write(arguments.json)
    if arguments.docs:
        DOCS.parent.mkdir(parents=True, exist_ok=True)
        DOCS.write_text(page(report, arguments.model, count, arguments.steps))


@torch.inference_mode()
def paired_evaluations(
    exact: Model, rounded: Model, rows: int, pairs: int
) -> list[tuple[float, float]]:
    """Seconds of one evaluation each, alternating."""
    x = torch.randn(rows, *exact.card.shape, device=exact.device)
    t = torch.rand(rows, device=exact.device)
    label = torch.zeros(rows, dtype=torch.long, device=exact.device)
    rows_of = {"x": x, "t": t, "label": label}
    return paired_times(
        lambda: main_head(exact)(rows_of)["velocity"].sum().item(),
        lambda: main_head(rounded)(rows_of)["velocity"].sum().item(),
        pairs,
        partial(clock, exact.device),
    )


def compare(report: Report, exact: list[Sample], rounded: list[Sample]) -> None:
    """How far the same seeds are apart."""
    a, b = (np.stack([sample.data for sample in drawn]) for drawn in (exact, rounded))
    each = np.sqrt(np.square(a - b).reshape(len(a), -1).mean(1))
    report.add("samples", len(exact))
    report.add("rms difference of a sample: median", float(np.median(each)))
    report.add("rms difference of a sample: 95 % of them below", float(np.quantile(each, 0.95)))
    report.add("rms of the samples themselves", float(np.sqrt(np.square(a).mean())))
    u, v = ([sample.uncertainty for sample in drawn] for drawn in (exact, rounded))
    report.add("Spearman of the uncertainties", float(spearmanr(u, v)[0]))
    report.add("mean ratio of the uncertainties", float(np.mean(np.divide(v, u))))
    c, d = (np.array([s.confidence for s in drawn], float) for drawn in (exact, rounded))
    report.add("Spearman of the confidences", float(spearmanr(c, d)[0]))
    report.add("mean absolute difference of the confidences", float(np.abs(c - d).mean()))


def judge(report: Report, drawn: list[list[Sample]]) -> None:
    """What the judge says of either."""
    reader = Judge.load(JUDGE, 10)
    held_out = scaled(fashion_mnist("test")[0])
    for name, samples in zip(("float32", "bfloat16"), drawn, strict=True):
        seen = assess(samples, reader, held_out)
        report.add(f"judge accuracy, {name}", seen.accuracy)
        report.add(f"judge-FD, {name}", seen.distance)
    report.add("judge-FD between as many real images", seen.floor)


def page(report: Report, model: str, count: int, steps: int) -> str:
    """What ``--docs`` writes."""
    about = machine()
    lines = [
        "# bfloat16 against float32",
        "",
        f"Written by `python -m benchmarks.precision --docs`: `{model}`, {count} samples of Heun "
        f"with {steps} steps, the same seeds in both ({about['processor']}, {about['threads']} "
        f"thread, torch {about['torch']}). The calibration is that made in float32.",
        "",
        "| figure | value |",
        "|---|---:|",
    ]
    for label, value in report.figures.items():
        lines.append(
            f"| {label} | {value:.4g} |" if isinstance(value, float) else f"| {label} | {value} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
