"""The command that makes the training data of cells.

``python -m sureflow.training.cells 10x_pbmc68k_reduced.h5ad [--out models/data]``
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from sureflow.training.cells.counts import most_variable, read_cells, split

GENES, MOST, HELD, SEED = 128, 127, 160, 0


def main() -> None:
    """Write ``cells.safetensors`` and ``cells-held-out.safetensors``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, default=Path("models/data"))
    options = parser.parse_args()
    everything = read_cells(options.file)
    cells = most_variable(everything, GENES, MOST)
    cut = int((everything.counts > MOST).sum())
    known, held = split(cells, HELD, SEED)
    notes = {
        "components": json.dumps(cells.genes),
        "kinds": json.dumps(cells.kinds),
        "source": "10x_pbmc68k_reduced of scanpy 1.11.5 (BSD-3-Clause): peripheral blood cells of "
        "Zheng et al. (2017), turned back into whole numbers",
        "choice": f"the {GENES} most variable genes; {cut} counts above {MOST} are cut off",
    }
    options.out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("cells", known), ("cells-held-out", held)):
        tensors: dict[str, Any] = {
            "samples": cells.counts[rows].astype(np.float32),
            "labels": cells.labels[rows],
        }
        save_file(tensors, options.out / f"{name}.safetensors", notes)
        print(f"{options.out / name}.safetensors: {len(rows)} cells")
    print(json.dumps({"components": cells.genes, "kinds": cells.kinds}))


if __name__ == "__main__":
    main()
