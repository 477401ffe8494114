"""``sureflow evaluate``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Folder, Plugins, Quiet, SamplingDevice, Threads, named_judge
from sureflow.core.execution import Precision
from sureflow.folders import judges_folder

if TYPE_CHECKING:
    from sureflow.core.arrays import Flags
    from sureflow.core.lane import Sample
    from sureflow.evaluation.judge import Judge
    from sureflow.model import Model


@command(
    "sureflow evaluate fashion",
    "sureflow evaluate my-fashion --count 500 --steps 10 --json figures.json",
    "sureflow evaluate digits --count 600 --bad sureflow.evaluation.digit_reader:misread",
    "sureflow evaluate my-model --report my-model.html",
    "sureflow evaluate digits-4 --teacher digits --count 300",
)
def evaluate(
    folder: Folder = Path("fashion"),
    judge: Annotated[
        Path | None,
        typer.Option(help="Default for models of its classes: the one of Fashion-MNIST."),
    ] = None,
    bad: Annotated[
        str | None,
        typer.Option(
            help="package.module:function, from samples to a list of bad or not, or how bad; "
            "default: what the judge finds least real."
        ),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", "-n", min=100, help="Samples, and real images.")
    ] = 2000,
    guidance: Annotated[float, typer.Option()] = 1.0,
    method: Annotated[str, typer.Option()] = "heun",
    steps: Annotated[int, typer.Option(min=1)] = 20,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    precision: Annotated[Precision, typer.Option(help="Of the network.")] = "float32",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here too.")
    ] = None,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", help="Write a page on any model instead, which needs no judge."),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="Of a student: compare its samples of one step with those that the teacher makes "
            "of the same noise, by --method and --steps."
        ),
    ] = None,
    plugins: Plugins = None,
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Judge samples of clothes: accuracy and judge-FD, for all and the confident half.

    For any model: how the scores, of all samples and within a class, follow trivial properties of
    the samples, such as their mean and roughness. If bad ones are known: how well scores and
    properties tell them.

    With --report: a page with the most and least sure samples, what the scores follow, what the
    model costs, and what is not known of it.

    With --teacher, instead: how far a student ends from its teacher, and which scores foretell it.
    """
    import numpy as np

    from sureflow.checkpoint import load
    from sureflow.evaluation.evaluate import balanced, draw_balanced
    from sureflow.evaluation.followed import affordable, followed, table, worst
    from sureflow.evaluation.judge import Judge
    from sureflow.evaluation.judged import rated
    from sureflow.training.data import FASHION_NAMES

    named = named_judge(bad, None)
    model = load(folder, device, precision=precision)
    if report_file is not None:
        from sureflow.evaluation.model_report import report as made
        from sureflow.evaluation.report_page import page

        report_file.write_text(page(made(model, count, seed, quiet)))
        typer.echo(f"wrote {report_file}")
        return
    if teacher is not None:
        run_by: dict[str, Any] = {"method": method, "steps": steps}
        other = load(teacher, device, precision=precision)
        figures = _beside(model, other, count, seed, run_by, quiet)
        if json_file is not None:
            json_file.write_text(json.dumps(figures, indent=2) + "\n")
        return
    options: dict[str, Any] = {"guidance": guidance, "method": method, "steps": steps}
    (lane,) = balanced(model, [0], seed, **options)
    scores = affordable(model, lane)
    samples = draw_balanced(model, count, seed, scores=scores, quiet=quiet, **options)
    typer.echo(f"{model.card.name}: {method} {steps} steps, guidance {guidance:g}, seed {seed}")
    figures = {}
    found: Flags | None = None
    if judge is not None or model.card.classes == FASHION_NAMES:
        reader = Judge.load(judge or judges_folder() / "fashion.safetensors", len(FASHION_NAMES))
        figures, found = _judged(samples, reader)
    if named is not None:
        found = worst(rated(*named, samples))
    finite = np.array([np.isfinite([*sample.scores.values()]).all() for sample in samples])
    kept = [sample for sample, told in zip(samples, finite, strict=True) if told]
    follows = followed(kept, scores, None if found is None else found[finite])
    classes = ", in brackets within a class" * bool(follows[0].within)
    typer.echo(f"rank correlations of {len(kept)} samples{classes}")
    typer.echo(table(follows))
    typer.echo(f"each ± {next(iter(follows[0].correlations.values()))[1]:.2f}")
    if found is not None:
        typer.echo(f"AUROC: chance that one of {found.sum()} bad samples is above another")
    if json_file is not None:
        figures["follows"] = {each.score: asdict(each) for each in follows}
        json_file.write_text(json.dumps(figures, indent=2) + "\n")


def _beside(
    student: Model, teacher: Model, count: int, seed: int, run_by: dict[str, Any], quiet: bool
) -> dict[str, Any]:
    """Print and return how far a student ends from its teacher."""
    from sureflow.evaluation.teacher_gap import teacher_gap

    found = teacher_gap(student, teacher, count, seed, run_by, quiet)
    method, steps = run_by.values()
    low, median, high = found.quantiles
    typer.echo(
        f"{student.card.name}, 1 step, beside {teacher.card.name}, {method} {steps} steps: "
        f"{count} samples of the same noise, seed {seed}"
    )
    typer.echo(f"gap: median {median:.3g}, for 80 % of the samples {low:.3g} to {high:.3g}")
    typer.echo(f"two samples of the teacher, of one class: {found.apart:.3g} apart")
    typer.echo("rank correlation of scores with the gap")
    for name, (value, half) in found.follows.items():
        typer.echo(f"{name:20}{value:+.2f} ± {half:.2f}")
    return found.record()


def _judged(samples: list[Sample], reader: Judge) -> tuple[dict[str, Any], Flags]:
    """Print and return what a judge says of clothes, and which of them it finds least real."""
    import numpy as np
    import torch

    from sureflow.evaluation.evaluate import assess, confident_half
    from sureflow.evaluation.realism import realism
    from sureflow.training.arrays import scaled
    from sureflow.training.data import fashion_mnist

    images, labels = fashion_mnist("test")
    held_out = scaled(images)
    reports = {
        "all samples": assess(samples, reader, held_out),
        "confident half": assess(confident_half(samples), reader, held_out),
    }
    real = float((reader.read(held_out)[0] == labels).float().mean())
    typer.echo(f"judge accuracy on {len(held_out)} held-out real images: {real:.1%}")
    typer.echo(f"{'':16}{'samples':>9}{'accuracy':>10}{'judge-FD':>10}{'floor':>8}{'ratio':>7}")
    for name, report in reports.items():
        typer.echo(
            f"{name:16}{report.count:9}{report.accuracy:10.1%}{report.distance:10.3f}"
            f"{report.floor:8.3f}{report.distance / report.floor:7.2f}"
        )
    typer.echo("floor: judge-FD between two disjoint sets of as many real images")
    data = torch.from_numpy(np.stack([sample.data for sample in samples])).clamp(-1, 1)
    place = realism(reader.read(data)[1], reader.read(held_out[: len(samples)])[1])
    figures = {name: asdict(report) for name, report in reports.items()}
    return {"real accuracy": real, **figures}, place.least_fifth.numpy()
