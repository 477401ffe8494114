"""``sureflow evaluate``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Folder, Plugins, Quiet, SamplingDevice, Threads
from sureflow.core.execution import Precision
from sureflow.folders import judges_folder


@command(
    "sureflow evaluate fashion",
    "sureflow evaluate my-fashion --count 500 --steps 10 --json figures.json",
    "sureflow evaluate my-model --report my-model.html",
)
def evaluate(
    folder: Folder = Path("fashion"),
    judge: Annotated[
        Path | None, typer.Option(help="Default: the one of Fashion-MNIST that ships.")
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
    plugins: Plugins = None,
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Judge class-conditional samples: accuracy and judge-FD, for all and the confident half.

    With --report: a page with the most and least sure samples, what the scores follow, what the
    model costs, and what is not known of it.
    """
    from sureflow.checkpoint import load

    if report_file is not None:
        from sureflow.evaluation.model_report import report as made
        from sureflow.evaluation.report_page import page

        found = made(load(folder, device, precision=precision), count, seed, quiet)
        report_file.write_text(page(found))
        typer.echo(f"wrote {report_file}")
        return
    from sureflow.evaluation.evaluate import assess, confident_half, draw_balanced
    from sureflow.evaluation.judge import Judge
    from sureflow.training.arrays import scaled
    from sureflow.training.data import fashion_mnist

    model = load(folder, device, precision=precision)
    reader = Judge.load(judge or judges_folder() / "fashion.safetensors", len(model.card.classes))
    images, labels = fashion_mnist("test")
    held_out = scaled(images)
    samples = draw_balanced(
        model, count, seed, guidance=guidance, method=method, steps=steps, quiet=quiet
    )
    reports = {
        "all samples": assess(samples, reader, held_out),
        "confident half": assess(confident_half(samples), reader, held_out),
    }
    real = float((reader.read(held_out)[0] == labels).float().mean())
    typer.echo(f"{model.card.name}: {method} {steps} steps, guidance {guidance:g}, seed {seed}")
    typer.echo(f"judge accuracy on {len(held_out)} held-out real images: {real:.1%}")
    typer.echo(f"{'':16}{'samples':>9}{'accuracy':>10}{'judge-FD':>10}{'floor':>8}{'ratio':>7}")
    for name, report in reports.items():
        typer.echo(
            f"{name:16}{report.count:9}{report.accuracy:10.1%}{report.distance:10.3f}"
            f"{report.floor:8.3f}{report.distance / report.floor:7.2f}"
        )
    typer.echo("floor: judge-FD between two disjoint sets of as many real images")
    if json_file is not None:
        figures = {name: asdict(report) for name, report in reports.items()}
        json_file.write_text(json.dumps({"real accuracy": real, **figures}, indent=2) + "\n")
