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


@command(
    "sureflow probe my-fashion --judge my_package.realism:unreal",
    "sureflow probe my-ring --foresee likelihood",
)
def probe(
    folder: Folder,
    judge: Judge = None,
    judge_command: JudgeCommand = None,
    foresee: Annotated[
        str | None,
        typer.Option(help="Score to be known early; default: `probe`, or as before if no judge."),
    ] = None,
    draws: Annotated[int, typer.Option(min=10, help="Samples to be drawn.")] = 12_000,
    seed: Annotated[int, typer.Option(min=0)] = 4_000_003,
    plugins: Plugins = None,
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Have samples judged, and fit what predicts verdicts and scores from activations.

    With a judge, a probe gives the score `probe`, which costs no evaluations. With or without one,
    a foresight says on the way how a score will rank, so that `filter.early` can give samples up
    sooner. Calibrate afterwards, since tables of an earlier probe or foresight are ignored.
    """
    from sureflow.checkpoint import load, resolve
    from sureflow.evaluation.probing import fit_probes
    from sureflow.families.flow.engine import FORESIGHT, PROBE
    from sureflow.networks.probe import FORESEES

    by, name = named_judge(judge, judge_command) or (None, "")
    path = resolve(folder)
    model = load(path, device)
    fitted, foresight = fit_probes(model, by, name, draws, seed, quiet=quiet, foresee=foresee)
    score = foresight.settings[FORESEES]
    if fitted is not None:
        fitted.save(path / PROBE)
        predicted = fitted.settings["spearman"]
        typer.echo(f"wrote {path / PROBE}: rank correlation with the judge {predicted:.2f}")
    foresight.save(path / FORESIGHT)
    told = [f"{known:.2f} at {t}" for t, known in foresight.settings["spearman"].items()]
    typer.echo(f"wrote {path / FORESIGHT}: rank correlation with {score} {', '.join(told[5::5])}")
    typer.echo(f"next: {typed()} calibrate {folder} --score {score}")
