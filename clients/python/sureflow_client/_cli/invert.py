"""``sureflow-client invert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import PIL.Image
import typer

from .._encode import Given
from .._options import InvertOptions
from .._result import Result, Usage
from .._sample import Sample
from .._sync.client import Client
from . import sampling as ask
from .app import app, client
from .complete import model_names
from .record import chunks, report

AT_ONCE = 32
"""Files of a request."""

EXAMPLES = """
**Examples:**

    sureflow-client invert shoe.png bag.png --model fashion --label Sneaker

    sureflow-client invert data/*.npy --model ring --json > scores.jsonl
"""


@app.command(epilog=EXAMPLES)
def invert(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Images, or .npy files with a sample each, in the units of the model's data.",
            exists=True,
            dir_okay=False,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="Name of a model; by default the server's.",
            autocompletion=model_names,
            rich_help_panel=ask.WHAT,
        ),
    ] = None,
    label: ask.LabelOption = None,
    guidance: ask.GuidanceOption = None,
    seed: ask.SeedOption = None,
    method: ask.MethodOption = None,
    steps: ask.StepsOption = None,
    tolerance: ask.ToleranceOption = None,
    score: ask.ScoreOption = None,
    rewind: ask.RewindOption = None,
    out: ask.OutOption = None,
    sheet: ask.SheetOption = False,
    exact: ask.ExactOption = False,
    as_json: ask.JsonOption = False,
) -> None:
    """Score samples of your own, and make them fit to be edited.

    What is written to --out is what the flow makes of them. The index of a sample is the place of
    its file.
    """
    options: InvertOptions = {
        "label": ask.label_of(label),
        "guidance": guidance,
        "seed": seed,
        "method": method,
        "steps": steps,
        "tolerance": tolerance,
        "score": score,
        "rewind": rewind.value if rewind else None,
        "output": "npy" if exact else None,
    }
    with client(context) as server:
        results = [_invert(server, group, model, options) for group in chunks(files, AT_ONCE)]
    report(_joined(results), out=out, sheet=sheet, exact=exact, as_json=as_json)


def _invert(server: Client, files: list[Path], model: str | None, options: InvertOptions) -> Result:
    return server.invert([_read(file) for file in files], model, **options)


def _read(file: Path) -> Given:
    """Return the sample in a file; what is no image is read as ``.npy``."""
    if file.suffix == ".npy":
        array: npt.NDArray[np.generic] = np.load(file, allow_pickle=False)
        return array
    return PIL.Image.open(file)


def _joined(results: list[Result]) -> Result:
    """Return several results as one; the indices go on."""
    samples: list[Sample] = []
    for result in results:
        first = len(samples)
        samples += [sample.model_copy(update={"index": first + sample.index}) for sample in result]
    usage = Usage(
        evaluations=sum(result.usage.evaluations for result in results),
        evaluations_saved=sum(result.usage.evaluations_saved for result in results),
        queue_s=sum(result.usage.queue_s for result in results),
        compute_s=sum(result.usage.compute_s for result in results),
    )
    warnings = tuple(warning for result in results for warning in result.warnings)
    update = {"samples": tuple(samples), "usage": usage, "warnings": warnings}
    return results[0].model_copy(update=update)
