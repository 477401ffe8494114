"""Files of counts, and tables of many samples by pandas and AnnData, if they are installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

CSV, H5AD = "text/csv", "application/x-hdf5"


def of_csv(text: str) -> npt.NDArray[np.float32]:
    """The counts of a line of names and a line of counts.

    Raises:
        ValueError: It has other lines.
    """
    names, counts = csv.reader(io.StringIO(text))
    if len(names) != len(counts):
        raise ValueError(f"{len(names)} names of {len(counts)} counts")
    return np.array(counts, np.float32)


def of_h5ad(file: bytes) -> npt.NDArray[np.float32]:
    """The counts of an annotated file of one cell.

    Raises:
        ValueError: AnnData is not installed, or the file is damaged.
    """
    try:
        import anndata
    except ImportError as error:
        raise ValueError("it needs anndata, which is not installed") from error
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cell.h5ad"
        path.write_bytes(file)
        found: npt.NDArray[np.float32] = np.asarray(anndata.read_h5ad(path).X, np.float32)[0]
    return found


def frame(counts: Mapping[str, npt.NDArray[Any]]) -> Any:
    """A ``pandas.DataFrame`` with a row for each sample: its counts by name."""
    import pandas

    return pandas.DataFrame({name: column.astype(np.int64) for name, column in counts.items()})


def annotated(
    counts: Mapping[str, npt.NDArray[Any]], facts: Mapping[str, Sequence[float | str | None]]
) -> Any:
    """An ``anndata.AnnData``: counts ``X [n, d]``, names in ``var``, facts by name in ``obs``."""
    import anndata
    import pandas

    table = np.stack([column.astype(np.float32) for column in counts.values()], 1)
    # Strings are objects, as all versions of AnnData write them.
    rows = pandas.Index([str(number) for number in range(len(table))], dtype=object)
    obs = pandas.DataFrame(index=rows)
    for name, column in facts.items():
        texts = any(isinstance(value, str) for value in column)
        obs[name] = pandas.Series([*column], rows, dtype=object if texts else None)
    var = pandas.DataFrame(index=pandas.Index([*counts], dtype=object))
    return anndata.AnnData(table, obs=obs, var=var)
