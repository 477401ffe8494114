"""``sureflow-client invert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import typer

from .._encode import Given
from .._exceptions import InvalidArgument
from .._result import Result
from .._sample import Sample
from .app import app, client, examples
from .complete import model_names
from .joined import joined
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
    folder = output.begin()
    results: list[Result] = []
    samples: list[Sample] = []
    with client(context) as server:
        for first in range(0, len(files), AT_ONCE):
            group = map(_read, files[first : first + AT_ONCE])
            results.append(server.invert(group, model, first=first, **options))
            if folder is not None:
                for sample in results[-1]:
                    folder.add(results[-1], sample)
            samples += results[-1]
    report(joined(results, samples), output, folder)


def _read(file: Path) -> Given:
    """Return the sample in a file; what is no image is read as ``.npy``."""
    try:
        if file.suffix == ".npy":
            array: npt.NDArray[np.generic] = np.load(file, allow_pickle=False)
            return array
        return PIL.Image.open(file)
    except (EOFError, OSError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise InvalidArgument(f"{file} is no image and no .npy file: {error}") from error
