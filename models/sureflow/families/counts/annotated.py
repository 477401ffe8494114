"""Files of annotated data, by AnnData, of the extra ``cells``. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sureflow.core.codec import AnyArray


def available() -> bool:
    """Whether AnnData is installed."""
    return find_spec("anndata") is not None


def h5ad(counts: AnyArray, names: Sequence[str]) -> bytes:
    """A file ``.h5ad`` of one cell: counts ``[d]``, with the names of its genes."""
    import anndata
    import pandas

    var = pandas.DataFrame(index=pandas.Index([*names], dtype=object))
    obs = pandas.DataFrame(index=pandas.Index(["0"], dtype=object))
    cell = anndata.AnnData(counts[None].astype(np.float32), obs=obs, var=var)
    with TemporaryDirectory() as folder:  # it writes to names of files alone
        path = Path(folder) / "cell.h5ad"
        cell.write_h5ad(path)
        return path.read_bytes()
