"""``sureflow-client invert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import typer

from .._encode import Given
from .._result import Result, Usage
from .._sample import Sample
from .app import app, client, examples
from .complete import model_names
from .record import report
from .sampling import MODEL, Output, sampling, what

AT_ONCE = 32
"""Files of a request."""


@app.command(
    epilog=examples(
        "invert shoe.png bag.png --model fashion --label Sneaker",
        "invert data/*.npy --model ring --json > scores.jsonl",
    )
)
@sampling
def invert(
    context: typer.Context,
    options: dict[str, Any],
    output: Output,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Images, or .npy files with a sample each, in the units of the model's data.",
            exists=True,
            dir_okay=False,
        ),
    ],
    model: Annotated[str | None, what(help=MODEL, autocompletion=model_names)] = None,
) -> None:
    """Score samples of your own, and make them fit to be edited.

    What is written to --out is what the flow makes of them. The index of a sample is the place of
    its file.
    """
    groups = [files[first : first + AT_ONCE] for first in range(0, len(files), AT_ONCE)]
    with client(context) as server:
        results = [server.invert(map(_read, group), model, **options) for group in groups]
    report(_joined(results), output)


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
    costs = [result.usage for result in results]
    usage = Usage(**{name: sum(getattr(one, name) for one in costs) for name in Usage.model_fields})
    warnings = tuple(warning for result in results for warning in result.warnings)
    update = {"samples": tuple(samples), "usage": usage, "warnings": warnings}
    return results[0].model_copy(update=update)
