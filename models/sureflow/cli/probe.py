"""``sureflow probe``."""

from __future__ import annotations

from pathlib import Path
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
    "sureflow probe my-ring --verdicts verdicts.jsonl --out my-ring-2",
)
def probe(
    folder: Folder,
    judge: Judge = None,
    judge_command: JudgeCommand = None,
    foresee: Annotated[
        str | None,
        typer.Option(help="Score to be known early; default: `probe`, or as before if no judge."),
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option(help="Fit the probe to these, as `GET /v1/verdicts` exports them."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="With --verdicts: folder of the new version, which is a copy."),
    ] = None,
    bad_above: Annotated[
        float, typer.Option(help="With --verdicts: those above it are bad, for the AUROC.")
    ] = 0.5,
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

    With verdicts, the samples that people judged are made again, and the probe is fitted to what
    they said. It goes into a copy of the model, so that nothing changes where the model is served,
    until an operator loads the copy.
    """
    from sureflow.checkpoint import load, resolve
    from sureflow.evaluation.probing import fit_probes
    from sureflow.families.flow.engine import FORESIGHT, PROBE
    from sureflow.networks.probe import FORESEES

    if (verdicts is None) != (out is None):
        raise ValueError("verdicts: go with --out, a folder for the new version, and it with them")
    if verdicts is not None and out is not None:
        if judge or judge_command or foresee:
            raise ValueError("verdicts: take the place of --judge and --foresee")
        _refit(resolve(folder), verdicts, out, bad_above, device, quiet)
        return
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


def _refit(folder: Path, file: Path, out: Path, bad_above: float, device: str, quiet: bool) -> None:
    """Fit a probe to verdicts, and write a new version of the model."""
    from sureflow.checkpoint import load
    from sureflow.evaluation.refitting import branch, refit_probe
    from sureflow.evaluation.verdicts import Verdicts
    from sureflow.families.flow.engine import PROBE

    model = load(folder, device)
    said = Verdicts.read(file, model.card.version)
    found = refit_probe(model, said, file.name, quiet, bad_above)
    branch(folder, out)
    found.probe.save(out / PROBE)
    made = load(out)
    typer.echo(f"wrote {out / PROBE}: of {found.judged} judged samples of {model.card.name}")
    typer.echo(f"rank correlation with verdicts left out {found.spearman:.2f}")
    for name, told in (("probe", found.auroc), (found.score, found.in_use)):
        if told is not None:
            bounds = f"{told.value:.2f} [{told.low:.2f}, {told.high:.2f}]"
            typer.echo(f"AUROC of {name} on samples left out {bounds}")
    typer.echo(f"{model.card.version} stays as it is; {made.card.version} is new")
    for warning in made.card.warnings:
        typer.echo(warning)
    typer.echo(f"next: {typed()} calibrate {out} --score probe")
