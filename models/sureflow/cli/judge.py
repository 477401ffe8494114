"""``sureflow judge``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Device, Threads


@command("sureflow judge my-judge.safetensors --epochs 12")
def judge(
    out: Annotated[Path, typer.Argument(help="File to write.")] = Path("judge.safetensors"),
    epochs: Annotated[int, typer.Option(min=1)] = 12,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    device: Device = "cpu",
    threads: Threads = 1,
) -> None:
    """Train the judge on the Fashion-MNIST images that the flow did not train on."""
    from sureflow.evaluation.judge import train_judge
    from sureflow.training.data import JUDGE_FIRST, fashion_mnist

    images, labels = fashion_mnist()
    trained = train_judge(images[JUDGE_FIRST:], labels[JUDGE_FIRST:], epochs, seed, device=device)
    out.parent.mkdir(parents=True, exist_ok=True)
    trained.save(out)
    typer.echo(f"wrote {out}")
