"""Samples as files, lines and tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from .._result import Result
from .._sample import Sample
from .sampling import Output

RECORD, SHEET = "samples.jsonl", "sheet.png"


def report(result: Result, output: Output) -> None:
    """Write and print a result as the options of a subcommand want it.

    Files are written for the samples that passed; the record has a line for every sample.

    Raises:
        OSError: The folder cannot be written to.
    """
    out = output.out
    files = {} if out is None else _write(result, out)
    lines = [json.dumps(_line(result, sample, files.get(sample.index))) for sample in result]
    if out is not None:
        (out / RECORD).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if output.sheet:
            result.accepted().sorted().sheet().save(out / SHEET)
    if output.as_json:
        for line in lines:
            typer.echo(line)
    else:
        _print(result)
        if out is not None:
            names = f"{RECORD} and {SHEET}" if output.sheet else RECORD
            typer.echo(f"wrote {len(files)} samples, {names} to {out}")
    for warning in result.warnings:
        typer.secho(f"warning: {warning}", err=True, fg="yellow")


def _write(result: Result, out: Path) -> dict[int, str]:
    """Write the samples that passed and return the names of their files by index."""
    out.mkdir(parents=True, exist_ok=True)
    files = {}
    for sample in result.accepted():
        suffix, content = sample.file()
        files[sample.index] = f"{sample.index:04d}{suffix}"
        (out / files[sample.index]).write_bytes(content)
    return files


def _line(result: Result, sample: Sample, file: str | None) -> dict[str, Any]:
    """Return everything about a sample but its arrays."""
    facts = sample.model_dump(mode="json", exclude={"data", "map", "media_type"})
    head = {"request": result.id, "model": result.model, "model_version": result.model_version}
    return {**head, **facts, "accepted": sample.accepted, "file": file}


def _print(result: Result) -> None:
    handles = any(sample.handle for sample in result)
    errors = any(sample.inversion_error is not None for sample in result)
    head = f"{'index':>5} {'confidence':>10} {'uncertainty':>11}  {'outcome':11}"
    head += f" {'inversion error':>15}" if errors else ""
    typer.echo(head.rstrip() + ("  handle" if handles else ""))
    for sample in result.sorted():
        taken = "" if sample.decision is None else sample.decision.action_taken
        row = f"{sample.index:5} {_number(sample.confidence):>10} "
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
    return (
        f"{result.model}, seed {result.seed}: {passed} of {len(result)} passed, "
        f"{usage.evaluations} evaluations{saved}, {usage.queue_s + usage.compute_s:.1f} s"
    )


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"
