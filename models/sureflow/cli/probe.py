"""``sureflow probe``."""

from __future__ import annotations

from typing import Annotated

import typer

from sureflow.cli.app import command, typed
from sureflow.cli.options import (
    Folder,
    Judge,
    JudgeCommand,
    Plugins,
    Quiet,
    SamplingDevice,
    Threads,
    named_judge,
)


@command("sureflow probe my-fashion --judge my_package.realism:unreal")
def probe(
    folder: Folder,
    judge: Judge = None,
    judge_command: JudgeCommand = None,
    draws: Annotated[int, typer.Option(min=10, help="Samples to be judged.")] = 12_000,
    seed: Annotated[int, typer.Option(min=0)] = 4_000_003,
    plugins: Plugins = None,
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Have samples judged, and fit a probe that predicts the verdicts from activations.

    The probe gives the score `probe`, which costs no evaluations. Calibrate afterwards, since
    tables of an earlier probe are ignored.
    """
    from sureflow.checkpoint import load, resolve
    from sureflow.evaluation.probing import fit_probe
    from sureflow.families.flow.engine import PROBE

    asked = named_judge(judge, judge_command)
    if asked is None:
        raise ValueError("judge: a probe is fitted to one; give --judge or --judge-command")
    path = resolve(folder)
    model = load(path, device)
    fitted = fit_probe(model, *asked, draws, seed, quiet=quiet)
    fitted.save(path / PROBE)
    predicted = fitted.settings["spearman"]
    typer.echo(f"wrote {path / PROBE}: rank correlation with the judge {predicted:.2f}")
    typer.echo(f"next: {typed()} calibrate {folder} --score probe")
