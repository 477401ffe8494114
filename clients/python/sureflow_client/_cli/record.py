"""Samples as lines and tables."""

from __future__ import annotations

import json

import typer

from .._html import confidence_text
from .._result import Result
from .folder import RECORD, SHEET, Folder, line_of
from .sampling import Output


def report(result: Result, output: Output, folder: Folder | None = None) -> None:
    """Write and print a result as the options of a subcommand want it.

    Args:
        result: What came of the request.
        output: What the options say.
        folder: Where it goes, if anywhere; some of it may be there already.

    Raises:
        OSError: The folder cannot be written to.
    """
    if folder is not None:
        for sample in result:
            if sample.index not in folder.lines:
                folder.add(result, sample)
        folder.finish()
        if output.sheet:
            _draw(result, folder)
    if output.as_json:
        for sample in result:
            known = {} if folder is None else folder.lines
            typer.echo(json.dumps(known.get(sample.index) or line_of(result, sample)))
    else:
        _print(result)
        if folder is not None:
            drawn = output.sheet and (folder.path / SHEET).exists()
            names = f"{RECORD} and {SHEET}" if drawn else RECORD
            files = sum(line["file"] is not None for line in folder.lines.values())
            typer.echo(f"wrote {files} samples, {names} to {folder.path}")
    for warning in result.warnings:
        typer.secho(f"warning: {warning}", err=True, fg="yellow")


def _draw(result: Result, folder: Folder) -> None:
    """Draw what passed; where nothing did, say so, since all else of the run is there."""
    try:
        result.accepted().sorted().sheet().save(folder.path / SHEET)
    except ValueError as error:
        typer.secho(f"no {SHEET}: {error}", err=True, fg="yellow")


def _print(result: Result) -> None:
    handles = any(sample.handle for sample in result)
    errors = any(sample.inversion_error is not None for sample in result)
    head = f"{'index':>5} {'confidence':>10} {'uncertainty':>11}  {'outcome':11}"
    head += f" {'inversion error':>15}" if errors else ""
    typer.echo(head.rstrip() + ("  handle" if handles else ""))
    for sample in result.sorted():
        taken = "" if sample.decision is None else sample.decision.action_taken
        row = f"{sample.index:5} {confidence_text(sample):>10} "
        row += f"{_number(sample.uncertainty):>11}  {taken or sample.finish_reason:11}"
        row += f" {_number(sample.inversion_error):>15}" if errors else ""
        row += f"  {sample.handle.id}" if sample.handle else ""
        typer.echo(row.rstrip())
    typer.echo(summary(result))


def summary(result: Result) -> str:
    """Return in a line what a request came to."""
    usage = result.usage
    passed = len(result.accepted())
    saved = f", {usage.evaluations_saved} saved" if usage.evaluations_saved else ""
    order = any(sample.confidence_holds is False for sample in result)
    return (
        f"{result.model}, seed {result.seed}: {passed} of {len(result)} passed, "
        f"{usage.evaluations} evaluations{saved}, {usage.queue_s + usage.compute_s:.1f} s"
        f"{'; ~ is an order, and no share of samples, at these settings' if order else ''}"
    )


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"
