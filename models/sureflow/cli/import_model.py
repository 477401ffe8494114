"""``sureflow import``."""

from __future__ import annotations

import json
import math
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sureflow.cli.app import command, typed
from sureflow.cli.options import SamplingDevice, Threads
from sureflow.core.size import read_size
from sureflow.folders import HOME
from sureflow.importing.json_file import read_json

MOST_CLASSES, LARGEST = 100_000, 1 << 26
"""Most classes, and most components of a sample."""


def _pairs(given: list[str] | None) -> dict[str, str] | None:
    """``OURS=THEIRS``, repeated."""
    if not given:
        return None
    found = dict(pair.partition("=")[::2] for pair in given)
    if not all(found.values()):
        raise ValueError("input: expected OURS=THEIRS, such as x=sample")
    return found


def _path(given: str | None) -> dict[str, Any] | None:
    """Its kind, or all of it as JSON, written out or in a file."""
    if given is None:
        return None
    if given.endswith(".json"):
        return read_json(Path(given), Path(given).parent)
    if not given.lstrip().startswith("{"):
        return {"kind": given}
    try:
        found = json.loads(given)
    except ValueError as error:
        raise ValueError(f"path: is no JSON object: {error}") from error
    return dict(found)


def _shape(given: str | None) -> list[int] | None:
    if given is None:
        return None
    sizes = given.replace("x", ",").split(",")
    if not all(size.strip().isdecimal() for size in sizes):
        raise ValueError(f"shape: {given!r} is not of the form 1,28,28")
    found = [int(size) for size in sizes]
    if math.prod(found) > LARGEST:
        raise ValueError(f"shape: {given[:40]} has more than {LARGEST} components")
    return found


def _shapes(given: str | None) -> list[list[int]] | None:
    if given is None:
        return None
    try:
        found = [[*read_size(text)] for text in given.split(",")]
    except ValueError as error:
        raise ValueError(f"shapes: {error}") from error
    if any(math.prod(shape) > LARGEST for shape in found):
        raise ValueError(f"shapes: one has more than {LARGEST} components")
    return found


def _classes(given: str | None) -> list[str] | int | None:
    if given is None:
        return None
    if given.lstrip("-").isdecimal():
        if not 0 <= int(given) <= MOST_CLASSES:
            raise ValueError(f"classes: {given[:20]} is not in 0 .. {MOST_CLASSES}")
        return int(given)
    names = [name.strip() for name in given.split(",")]
    if not all(names):
        raise ValueError(f"classes: {given[:60]!r} has a name that is empty")
    return names


@command(
    "sureflow import ./my-diffusers-folder --name mine",
    "sureflow import my_package.flow:Flow --name mine --weights flow.safetensors --shape 2",
    "sureflow import ./my-diffusers-folder --name mine --shapes 28x28,32x32",
    "sureflow import denoiser.pt2 --name mine --prediction noise --path discrete",
    "sureflow import denoiser.onnx --name mine --adapter adapter.json --data samples.safetensors",
    name="import",
)
def import_foreign(
    source: Annotated[
        str, typer.Argument(help="Folder of diffusers, file .pt2 or .onnx, or package.module:name.")
    ],
    name: Annotated[str, typer.Option(help="Name of the model in requests.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Default: sureflow-models/NAME.")
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option(help="JSON file of what the model does not say itself.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Of a module: safetensors file, its folder, or an index.")
    ] = None,
    weights_prefix: Annotated[
        str | None, typer.Option(help="What the names of the weights have in front.")
    ] = None,
    variant: Annotated[str | None, typer.Option(help="Of a folder: its weights, as fp16.")] = None,
    scheduler: Annotated[
        Path | None, typer.Option(help="Of a folder that has none: scheduler_config.json.")
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(help="Of a folder with a decoder: folder of a cheaper one, AutoencoderTiny."),
    ] = None,
    shape: Annotated[str | None, typer.Option(help="Of one sample, such as 1,28,28.")] = None,
    shapes: Annotated[
        str | None,
        typer.Option(help="Sizes that it serves, the default first, such as 28x28,32x32."),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Names of the classes, with commas, or their number.")
    ] = None,
    path: Annotated[
        str | None,
        typer.Option(
            help="Its kind, linear, discrete, vp, cosine, ve, edm; or JSON, or path.json."
        ),
    ] = None,
    prediction: Annotated[
        str | None,
        typer.Option(help="velocity, reverse_velocity, noise, data, v or edm."),
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="What the network is told, such as '1000 * (1 - t)'.")
    ] = None,
    input: Annotated[
        list[str] | None, typer.Option(help="Argument of the network, OURS=THEIRS; repeat.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="Attribute, key or number of what it returns.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="safetensors with samples, perhaps labels: checks the convention."),
    ] = None,
    prompts: Annotated[
        bool,
        typer.Option(
            "--prompts/--no-prompts",
            help="Of a folder: take its text encoders, or let requests give embeddings.",
        ),
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Import also a network that does not suit the data.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write a folder anew, without what was fitted to it.")
    ] = False,
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
) -> None:
    """Make a checkpoint of somebody else's model. No code of a folder or file is run.

    A torch module is imported from an installed package, or from the working directory.
    """
    from sureflow.importing.adapter import read_adapter
    from sureflow.importing.run import import_model

    options = {
        "shape": _shape(shape),
        "shapes": _shapes(shapes),
        "classes": _classes(classes),
        "path": _path(path),
        "prediction": prediction,
        "time": time,
        "inputs": _pairs(input),
        "output": output,
    }
    if ":" in source and not Path(source).exists():
        sys.path.insert(0, str(Path.cwd()))
    folder = out or HOME / name
    made = import_model(
        source,
        name,
        folder,
        read_adapter(adapter, options),
        weights=weights,
        prefix=weights_prefix,
        variant=variant,
        scheduler=scheduler,
        preview=preview,
        data=data,
        prompts=prompts,
        force=force,
        replace=replace,
        device=device,
    )
    for note in made.notes:
        typer.echo(note)
    plugin = f" --plugin {shlex.quote(made.plugin)}" if made.plugin else ""
    here, models = shlex.quote(str(folder)), shlex.quote(str(folder.parent))
    sureflow = shlex.quote(typed())
    typer.echo(f"wrote {folder}")
    typer.echo(f"serve it:           {sureflow} serve --models-dir {models}{plugin}")
    typer.echo(f"fit its variance:   {sureflow} fit {here}{plugin}")
    typer.echo(f"make it confident:  {sureflow} calibrate {here}{plugin}")
